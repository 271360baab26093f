package dev.lowbit.matrix.block;

import dev.lowbit.kernel.VectorWidth;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link BlockKernels#bestScales} in SIMD: lanes are candidate scales and each weight is broadcast to all of them. Its value comes from
 * comparing with every midpoint, or, where the codebook fills a register and that is less work, from a binary search by permutes: the
 * midpoints lie in heap order, so a step is idx = 2 idx + (t > midpoint[idx]), and after b steps idx - 2^b is the code.
 */
final class ScaleSearch {
    private static final VectorSpecies<Float> F = VectorWidth.floats();
    private static final VectorSpecies<Integer> I = VectorSpecies.of(int.class, F.vectorShape());
    private static final int WIDTH = F.length();

    /** Up to here comparing with every midpoint takes fewer instructions. */
    private static final int LAST_COMPARED_BITS = 3;

    private ScaleSearch() {}

    /** Whether values are found by permutes of a register. */
    static boolean isSearched(CodeTable table) {
        return table.bits > LAST_COMPARED_BITS && 1 << table.bits <= WIDTH;
    }

    static void bestScales(
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
            byte[] best) {
        float[] sums = new float[BlockKernels.LANES];
        float[] candidates = new float[BlockKernels.LANES];
        float[] inverses = new float[BlockKernels.LANES];
        boolean searched = isSearched(table);
        for (int start = 0; start < length; start += groupSize) {
            int at = offset + start;
            int end = offset + Math.min(length, start + groupSize);
            int number = block + start / groupSize;
            for (int lane = 0; lane < BlockKernels.LANES; lane += WIDTH) {
                FloatVector candidate = FloatVector.broadcast(F, steps[number])
                        .fma(FloatVector.fromArray(F, multiples, lane), FloatVector.broadcast(F, bases[number]));
                candidate.intoArray(candidates, lane);
                FloatVector.broadcast(F, 1f).div(candidate).intoArray(inverses, lane);
                if (searched) {
                    sumBySearch(weights, importance, at, end, inverses, table, sums, lane);
                } else {
                    sumByComparing(weights, importance, at, end, inverses, table, sums, lane);
                }
            }
            best[number] = BlockKernels.bestLane(sums, candidates, weights, importance, at, end - at);
        }
    }

    private static void sumByComparing(
            float[] weights,
            float[] importance,
            int from,
            int to,
            float[] inverses,
            CodeTable table,
            float[] sums,
            int lane) {
        float[] midpoints = table.midpoints;
        float[] values = table.values;
        FloatVector lowest = FloatVector.broadcast(F, values[0]);
        FloatVector inverse = FloatVector.fromArray(F, inverses, lane);
        FloatVector sum = FloatVector.zero(F);
        for (int i = from; i < to; i++) {
            FloatVector t = inverse.mul(weights[i]);
            FloatVector value = lowest;
            for (int k = 0; k < midpoints.length; k++) {
                value = value.blend(values[k + 1], t.compare(VectorOperators.GT, midpoints[k]));
            }
            FloatVector d = t.sub(value);
            sum = (importance == null ? d : d.mul(importance[i])).fma(d, sum);
        }
        sum.intoArray(sums, lane);
    }

    private static void sumBySearch(
            float[] weights,
            float[] importance,
            int from,
            int to,
            float[] inverses,
            CodeTable table,
            float[] sums,
            int lane) {
        int bits = table.bits;
        IntVector heap = FloatVector.fromArray(F, table.heap, 0).reinterpretAsInts();
        IntVector values = FloatVector.fromArray(F, table.cyclic, 0).reinterpretAsInts();
        FloatVector inverse = FloatVector.fromArray(F, inverses, lane);
        FloatVector sum = FloatVector.zero(F);
        for (int i = from; i < to; i++) {
            FloatVector t = inverse.mul(weights[i]);
            IntVector index = IntVector.broadcast(I, 1);
            for (int bit = 0; bit < bits; bit++) {
                FloatVector midpoint = index.selectFrom(heap).reinterpretAsFloats();
                index = index.add(index)
                        .add(1, t.compare(VectorOperators.GT, midpoint).cast(I));
            }
            FloatVector d = t.sub(index.selectFrom(values).reinterpretAsFloats());
            sum = (importance == null ? d : d.mul(importance[i])).fma(d, sum);
        }
        sum.intoArray(sums, lane);
    }
}
