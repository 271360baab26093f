package dev.lowbit.matrix.block;

import dev.lowbit.kernel.KernelLookup;
import dev.lowbit.kernel.Lanes;
import dev.lowbit.matrix.packed.Packing;
import java.lang.foreign.MemorySegment;

/**
 * The verbs of block quantization. All work on pieces: a run of weights that starts with a block, so that weight i of the piece
 * belongs to block {@code i / groupSize} and the last block may be short. Scales are finite and non-negative; a block of scale 0
 * holds the zero code. Every implementation gives the same bits.
 */
interface BlockKernels {
    /** Virtual lanes of a horizontal sum. */
    int LANES = Lanes.COUNT;

    /** Weights whose squares are summed in float before the sum goes on in double. */
    int SQUARES_CHUNK = 256;

    /** The kernels of this process. */
    static BlockKernels get() {
        return Holder.KERNELS;
    }

    /**
     * The largest magnitude of each block; NaN or infinite where the block holds such a value.
     *
     * @param out one per block from {@code outOffset}; modified
     */
    void absMax(float[] weights, int offset, int length, int groupSize, float[] out, int outOffset);

    /**
     * The code of weight / scale (exact division) for each weight.
     *
     * @param codes one per weight from {@code codesOffset}; modified
     */
    void encode(
            float[] weights,
            int offset,
            int length,
            int groupSize,
            float[] scales,
            int scalesOffset,
            CodeTable table,
            byte[] codes,
            int codesOffset);

    /**
     * weight - value(encode(weight)) * scale for each weight; the weight itself where the scale is 0.
     *
     * @param out one per weight from {@code outOffset}; modified; may be {@code weights} at the same offset
     */
    void residual(
            float[] weights,
            int offset,
            int length,
            int groupSize,
            float[] scales,
            int scalesOffset,
            CodeTable table,
            float[] out,
            int outOffset);

    /**
     * The best of 16 scales for each block. Candidate l of block b is steps[b] * multiples[l] + bases[b], fused; its error is (candidate /
     * largest candidate)² sum f (t - value(encode(t)))² with t = weight * (1 / candidate), in float, over the weights of the block in order by
     * fused multiply-adds; of a candidate of 0 it is that of zeros. Lanes are candidates, so a block of any length costs no horizontal sum. The
     * errors rank candidates; what a choice really costs, {@link #residual} tells.
     *
     * @param importance f of each weight at the same offset, or null for 1
     * @param bases one per block, indexed by block number; >= 0
     * @param steps one per block, indexed by block number; >= 0
     * @param block number of the first block
     * @param multiples 16, ascending, >= 0
     * @param best per block the lane with the smallest error, the first of equals, 0 where none is a number; modified from {@code block} on
     */
    void bestScales(
            float[] weights,
            float[] importance,
            int offset,
            int length,
            int groupSize,
            float[] bases,
            float[] steps,
            int block,
            float[] multiples,
            CodeTable table,
            byte[] best);

    /**
     * What {@link ErrorFeedback} would leave in a block under each of 16 scales, all in float by fused multiply-adds: for k ascending, with s =
     * carried, the code is that of t = (s_k (1 / R_kk) + w_k) (1 / scale), the error d = w_k - value(code) scale, the cost grows by (d R_kk + s_k)²
     * and s_j by d R_kj for j behind k. Under a scale of 0, d = w_k. Lanes are scales.
     *
     * @param carried what the columns before the block left for each of its columns; not modified
     * @param triangle R of the block, length x length, row-major; only j >= k is read
     * @param scales 16, finite and not negative
     * @param costs 16; modified (overwritten)
     */
    void feedbackCosts(
            float[] weights,
            int offset,
            int length,
            float[] carried,
            float[] triangle,
            float[] scales,
            CodeTable table,
            float[] costs);

    /**
     * Sum of importance * value², in chunks of {@link #SQUARES_CHUNK} floats over 16 virtual lanes; a chunk whose float sum leaves the
     * safe range is summed again in double.
     *
     * @param importance factors at the same offset, or null for 1
     */
    double sumOfSquares(float[] values, float[] importance, int offset, int length);

    /**
     * value(code) * scale for each weight of a piece whose codes start at bit {@code bitOffset}, as {@code PackedCodes.load} gives it.
     *
     * @param packed readable for {@link Packing#SLACK} bytes behind the piece
     * @param out floats; modified from index {@code outIndex} on
     */
    void dequantize(
            byte[] packed,
            int bitOffset,
            int length,
            int groupSize,
            float[] scales,
            int scalesOffset,
            CodeTable table,
            MemorySegment out,
            long outIndex);

    /**
     * Adds the products of a piece with x to 16 lanes: within each block lane l sums value(code_i) * x_i over i mod 16 = l by fused
     * multiply-adds from 0, then lane += scale * sum, fused.
     *
     * @param packed readable for {@link Packing#SLACK} bytes behind the piece
     * @param lanes 16 sums; modified
     */
    void dot(
            byte[] packed,
            int bitOffset,
            int length,
            int groupSize,
            float[] scales,
            int scalesOffset,
            CodeTable table,
            float[] x,
            int xOffset,
            float[] lanes);

    /**
     * Ends {@link #bestScales} of one block: from the sums in units of each candidate to the best lane.
     *
     * @param sums 16; not modified
     * @param candidates 16, ascending
     */
    static byte bestLane(
            float[] sums, float[] candidates, float[] weights, float[] importance, int offset, int length) {
        float unit = 1 / candidates[LANES - 1];
        float smallest = Float.POSITIVE_INFINITY;
        int best = 0;
        for (int lane = 0; lane < LANES; lane++) {
            float relative = candidates[lane] * unit;
            float error = candidates[lane] == 0
                    ? relativeEnergy(unit, weights, importance, offset, length)
                    : relative * relative * sums[lane];
            if (error < smallest) {
                smallest = error;
                best = lane;
            }
        }
        return (byte) best;
    }

    private static float relativeEnergy(float unit, float[] weights, float[] importance, int offset, int length) {
        float sum = 0;
        for (int i = offset; i < offset + length; i++) {
            float value = weights[i] * unit;
            sum = Math.fma(importance == null ? value : value * importance[i], value, sum);
        }
        return sum;
    }

    /** Delays the choice until the first use. */
    final class Holder {
        private static final BlockKernels KERNELS =
                KernelLookup.choose(ScalarBlockKernels::new, () -> new VectorBlockKernels());

        private Holder() {}
    }
}
