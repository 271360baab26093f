package dev.lowbit.matrix.scale;

import dev.lowbit.tensor.DType;
import java.util.Optional;

/**
 * The scales of all blocks of one matrix in coded form, beside what they decode to.
 *
 * @param values the scale of each block as decoding gives it: finite, >= 0
 * @param codes one code per block; empty for one level
 * @param superScales one per super-block, rounded to their type; empty for one level
 * @param offset what every block's scale starts from; 0 for one level
 */
public record EncodedScales(float[] values, byte[] codes, float[] superScales, float offset) {
    private static final byte[] NO_CODES = {};
    private static final float[] NO_SUPER_SCALES = {};

    /**
     * Codes the wanted scales (spec section 4; every operation in float in the order written there). Empty when the format cannot hold
     * them: a scale or super-scale overflows its type, or a decoded scale overflows float.
     *
     * @param wanted one finite non-negative scale per block; not modified
     */
    public static Optional<EncodedScales> encode(float[] wanted, ScaleFormat format) {
        return switch (format) {
            case ScaleFormat.OneLevel one -> oneLevel(wanted, one.type());
            case ScaleFormat.TwoLevel two -> twoLevel(wanted, two);
        };
    }

    private static Optional<EncodedScales> oneLevel(float[] wanted, DType type) {
        float[] values = new float[wanted.length];
        for (int block = 0; block < wanted.length; block++) {
            values[block] = ScaleType.round(type, wanted[block]);
            if (Float.isInfinite(values[block])) {
                return Optional.empty();
            }
        }
        return Optional.of(new EncodedScales(values, NO_CODES, NO_SUPER_SCALES, 0f));
    }

    private static Optional<EncodedScales> twoLevel(float[] wanted, ScaleFormat.TwoLevel format) {
        float offset = Float.POSITIVE_INFINITY;
        for (float scale : wanted) {
            offset = Math.min(offset, scale);
        }
        int superGroup = format.superGroup();
        int supers = Math.ceilDiv(wanted.length, superGroup);
        byte[] codes = new byte[wanted.length];
        float[] superScales = new float[supers];
        for (int s = 0; s < supers; s++) {
            int from = s * superGroup;
            int to = Math.min(wanted.length, from + superGroup);
            float largest = 0f;
            for (int block = from; block < to; block++) {
                largest = Math.max(largest, wanted[block] - offset);
            }
            superScales[s] = ScaleType.round(format.superType(), largest);
            encodeSuperBlock(wanted, from, to, offset, superScales[s], format.codeBits(), codes);
        }
        float[] values = decode(format, codes, superScales, offset);
        return values == null ? Optional.empty() : Optional.of(new EncodedScales(values, codes, superScales, offset));
    }

    private static void encodeSuperBlock(
            float[] wanted, int from, int to, float offset, float superScale, int bits, byte[] codes) {
        float last = (1 << bits) - 1;
        float factor = last / superScale;
        if (Float.isInfinite(factor)) {
            return; // no step fits between offset and the largest scale: every code is 0 and decodes to the offset
        }
        for (int block = from; block < to; block++) {
            float code = (float) Math.rint((wanted[block] - offset) * factor);
            codes[block] = (byte) (int) Math.min(last, Math.max(0f, code));
        }
    }

    /**
     * The scale of each block: z / f + offset with f = (2^bits - 1) / superScale. Null when one overflows.
     *
     * @param codes one per block; not modified
     * @param superScales one per super-block, finite, >= 0; not modified
     */
    public static float[] decode(ScaleFormat.TwoLevel format, byte[] codes, float[] superScales, float offset) {
        float last = (1 << format.codeBits()) - 1;
        float[] values = new float[codes.length];
        boolean finite = true;
        for (int s = 0; s < superScales.length; s++) {
            float factor = last / superScales[s];
            int from = s * format.superGroup();
            int to = Math.min(codes.length, from + format.superGroup());
            for (int block = from; block < to; block++) {
                float value = Byte.toUnsignedInt(codes[block]) / factor + offset;
                finite &= value <= Float.MAX_VALUE;
                values[block] = value;
            }
        }
        return finite ? values : null;
    }
}
