package dev.lowbit.matrix.affine;

import dev.lowbit.kernel.KernelLookup;
import dev.lowbit.kernel.Lanes;

/**
 * The verbs of affine quantization, each on one group of a row: value = scale (code - zero). Scales are finite and not negative, zero is 0 to
 * L. Every implementation gives the same bits.
 */
interface AffineKernels {
    /** Virtual lanes of a horizontal sum, and scales that are tried together. */
    int LANES = Lanes.COUNT;

    /** Widest codes whose levels are looked up in registers. */
    int MOST_BITS_OF_ROW = 4;

    /** Adding and taking it away again rounds a float of magnitude below 2^22 to the nearest integer, ties to even. */
    float ROUNDER = 0x1.8p23f;

    /** The kernels of this process. */
    static AffineKernels get() {
        return Holder.KERNELS;
    }

    /**
     * scale (code - zero) of each code, one float multiplication.
     *
     * @param codes readable for 16 bytes behind the group
     * @param out from index {@code from} on; modified
     */
    void decode(byte[] codes, int from, int count, float scale, int zero, float[] out);

    /**
     * Adds the product of a group with x to 16 lanes: lane l sums (code_i - zero) x_i over i mod 16 = l by fused multiply-adds from 0, then lane
     * += scale * sum, fused.
     *
     * @param codes readable for 16 bytes behind the group
     * @param lanes 16 sums; modified
     */
    void dot(byte[] codes, int from, int count, float scale, int zero, float[] x, int xFrom, float[] lanes);

    /**
     * {@link #dot} of all groups of a row.
     *
     * @param codes of the row, from index 0 on, readable for 16 bytes behind them
     * @param count codes of the row
     * @param width codes of a group; the last may have fewer
     * @param scales of all groups
     * @param zeros of all groups, unsigned
     * @param group the first of the row
     * @param lanes 16 sums; modified
     */
    default void dotOfCodes(
            byte[] codes,
            int count,
            int width,
            float[] scales,
            byte[] zeros,
            int group,
            float[] x,
            int xFrom,
            float[] lanes) {
        for (int start = 0; start < count; start += width, group++) {
            int length = Math.min(width, count - start);
            dot(codes, start, length, scales[group], zeros[group] & 0xff, x, xFrom + start, lanes);
        }
    }

    /** Whether {@link #dotOfRow} knows rows of so many codes of this width in groups of {@code width}. */
    static boolean hasDotOfRow(int count, int bits, int width) {
        return bits <= MOST_BITS_OF_ROW && width % LANES == 0 && count % width == 0;
    }

    /**
     * {@link #dot} of all groups of a row, from codes as they are stored.
     *
     * @param packed readable for {@link dev.lowbit.matrix.packed.Packing#SLACK} bytes behind the row
     * @param bitOffset where the row starts: a bit from which eight codes lie in one 32-bit word ({@code PackedCodes.load})
     * @param count codes of the row, a multiple of {@code width}
     * @param width codes of a group, a multiple of 16
     * @param scales of all groups
     * @param zeros of all groups, unsigned
     * @param group the first of the row
     * @param lanes 16 sums; modified
     */
    void dotOfRow(
            byte[] packed,
            int bitOffset,
            int count,
            int bits,
            int width,
            float[] scales,
            byte[] zeros,
            int group,
            float[] x,
            int xFrom,
            float[] lanes);

    /**
     * The error of a group under each of 16 scales when every weight takes the nearest code: the sum of f d², d = w - scale (code - zero) fused,
     * code - zero = the integer nearest to w (1 / scale) within -zero .. last - zero, ties to even; all in float, weights in order by fused
     * multiply-adds of f d and d. Under a scale of 0, d = w. Lanes are scales.
     *
     * @param importance f of each weight at the same offset, or null for 1
     * @param last L, the largest code
     * @param costs 16; modified (overwritten)
     */
    void costs(
            float[] weights,
            float[] importance,
            int offset,
            int length,
            float[] scales,
            int zero,
            int last,
            float[] costs);

    /**
     * What error feedback would leave in a group under each of 16 scales, all in float by fused multiply-adds: for k ascending, with a =
     * carried, the code is that of (a_k (1 / R_kk) + w_k) (1 / scale) as in {@link #costs}, d = w_k - scale (code - zero), the cost grows by (d R_kk
     * + a_k)² and a_j by d R_kj for j behind k. Lanes are scales.
     *
     * @param carried what the columns before the group left for each of its columns; not modified
     * @param triangle R of the group, length x length, row-major; only j >= k is read
     * @param last L, the largest code
     * @param costs 16; modified (overwritten)
     */
    void feedbackCosts(
            float[] weights,
            int offset,
            int length,
            float[] carried,
            float[] triangle,
            float[] scales,
            int zero,
            int last,
            float[] costs);

    /** code - zero of a weight in units of the scale: the nearest integer within -zero .. last - zero. */
    static float level(float t, int zero, int last) {
        return Math.min(Math.max(t, -zero), last - zero) + ROUNDER - ROUNDER;
    }

    /** 1 / scale of each scale, 0 for a scale of 0: every weight is then level 0. */
    static float[] inverses(float[] scales) {
        float[] inverses = new float[LANES];
        for (int lane = 0; lane < LANES; lane++) {
            inverses[lane] = inverse(scales[lane]);
        }
        return inverses;
    }

    /** 1 / scale, 0 for a scale of 0 and for one whose inverse overflows. */
    static float inverse(float scale) {
        float inverse = 1 / scale;
        return inverse <= Float.MAX_VALUE ? inverse : 0;
    }

    /** Delays the choice until the first use. */
    final class Holder {
        private static final AffineKernels KERNELS =
                KernelLookup.choose(ScalarAffineKernels::new, () -> new VectorAffineKernels());

        private Holder() {}
    }
}
