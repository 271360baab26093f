package dev.lowbit.int2lrec;

/** To what the scale of a group is rounded before codes are taken, so that the codes fit the scale that will be stored. */
@FunctionalInterface
public interface ScaleRounding {
    /** Scales stay the floats that they are. */
    ScaleRounding F32 = scale -> scale;

    /** Half floats; scales above 65504 become infinite, which the quantizers refuse. */
    ScaleRounding F16 = scale -> Float.float16ToFloat(Float.floatToFloat16(scale));

    /** Brain floats, to nearest even. */
    ScaleRounding BF16 = scale -> {
        int bits = Float.floatToRawIntBits(scale);
        return Float.intBitsToFloat((bits + 0x7fff + (bits >>> Short.SIZE & 1)) & 0xffff0000);
    };

    /** The stored value of a positive scale; 0 or infinite where the type can't hold it. */
    float round(float scale);
}
