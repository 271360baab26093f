package dev.lowbit.matrix.scale;

import dev.lowbit.matrix.Part;
import dev.lowbit.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Rounding to, writing and reading the three float types of stored scales. */
public final class ScaleType {
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private ScaleType() {}

    /** Refuses a type that scales are not stored in. */
    public static void check(DType type) {
        if (type != DType.F16 && type != DType.BF16 && type != DType.F32) {
            throw new IllegalArgumentException("scales are F16, BF16 or F32, got " + type);
        }
    }

    /** Rounds to nearest even; infinite when beyond the type's range. */
    public static float round(DType type, float value) {
        return switch (type) {
            case F16 -> Float.float16ToFloat(Float.floatToFloat16(value));
            case BF16 -> Float.intBitsToFloat(bfloat16(value) << Short.SIZE);
            default -> value;
        };
    }

    private static int bfloat16(float value) {
        int bits = Float.floatToRawIntBits(value);
        return (bits + 0x7fff + ((bits >>> Short.SIZE) & 1)) >>> Short.SIZE;
    }

    private static void write(DType type, float[] values, MemorySegment out) {
        for (int i = 0; i < values.length; i++) {
            switch (type) {
                case F16 -> out.setAtIndex(SHORT, i, Float.floatToFloat16(values[i]));
                case BF16 -> out.setAtIndex(SHORT, i, (short) bfloat16(values[i]));
                default -> out.setAtIndex(FLOAT, i, values[i]);
            }
        }
    }

    /** A part of values that the type holds exactly. */
    public static Part part(String name, DType type, float[] values) {
        MemorySegment bytes = MemorySegment.ofArray(new byte[Math.multiplyExact(values.length, type.bytes())]);
        write(type, values, bytes);
        return Part.of(name, type, bytes);
    }

    /** The inverse of {@link #part}. */
    public static float[] read(DType type, MemorySegment in) {
        float[] values = new float[Math.toIntExact(in.byteSize() / type.bytes())];
        for (int i = 0; i < values.length; i++) {
            values[i] = switch (type) {
                case F16 -> Float.float16ToFloat(in.getAtIndex(SHORT, i));
                case BF16 -> Float.intBitsToFloat(in.getAtIndex(SHORT, i) << Short.SIZE);
                default -> in.getAtIndex(FLOAT, i);
            };
        }
        return values;
    }
}
