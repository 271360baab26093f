package dev.lowbit.matrix.block;

import dev.lowbit.kernel.VectorWidth;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link BlockKernels#feedbackCosts} in SIMD: lanes are scales, weights and factors are broadcast. Values are looked up as {@link ScaleSearch}
 * does. The sums carried on stay in a small array, a vector a column.
 */
final class FeedbackCosts {
    private static final VectorSpecies<Float> F = VectorWidth.floats();
    private static final VectorSpecies<Integer> I = VectorSpecies.of(int.class, F.vectorShape());
    private static final int WIDTH = F.length();

    private FeedbackCosts() {}

    static void of(
            float[] weights,
            int offset,
            int length,
            float[] carried,
            float[] triangle,
            float[] scales,
            CodeTable table,
            float[] costs) {
        float[] inverses = new float[BlockKernels.LANES];
        for (int lane = 0; lane < inverses.length; lane++) {
            inverses[lane] = scales[lane] == 0 ? 0 : 1 / scales[lane];
        }
        float[] sums = new float[length * WIDTH];
        for (int lane = 0; lane < BlockKernels.LANES; lane += WIDTH) {
            for (int k = 0; k < length; k++) {
                FloatVector.broadcast(F, carried[k]).intoArray(sums, k * WIDTH);
            }
            if (ScaleSearch.isSearched(table)) {
                search(weights, offset, length, sums, triangle, scales, inverses, table, costs, lane);
            } else {
                compare(weights, offset, length, sums, triangle, scales, inverses, table, costs, lane);
            }
        }
    }

    private static void compare(
            float[] weights,
            int offset,
            int length,
            float[] sums,
            float[] triangle,
            float[] scales,
            float[] inverses,
            CodeTable table,
            float[] costs,
            int lane) {
        float[] midpoints = table.midpoints;
        float[] values = table.values;
        FloatVector lowest = FloatVector.broadcast(F, values[0]);
        FloatVector negated = FloatVector.fromArray(F, scales, lane).neg();
        FloatVector inverse = FloatVector.fromArray(F, inverses, lane);
        FloatVector cost = FloatVector.zero(F);
        for (int k = 0; k < length; k++) {
            float pivot = triangle[k * length + k];
            FloatVector weight = FloatVector.broadcast(F, weights[offset + k]);
            FloatVector sum = FloatVector.fromArray(F, sums, k * WIDTH);
            FloatVector t = sum.fma(FloatVector.broadcast(F, 1 / pivot), weight).mul(inverse);
            FloatVector value = lowest;
            for (int m = 0; m < midpoints.length; m++) {
                value = value.blend(values[m + 1], t.compare(VectorOperators.GT, midpoints[m]));
            }
            FloatVector d = negated.fma(value, weight);
            FloatVector term = d.fma(FloatVector.broadcast(F, pivot), sum);
            cost = term.fma(term, cost);
            for (int j = k + 1; j < length; j++) {
                FloatVector factor = FloatVector.broadcast(F, triangle[k * length + j]);
                d.fma(factor, FloatVector.fromArray(F, sums, j * WIDTH)).intoArray(sums, j * WIDTH);
            }
        }
        cost.intoArray(costs, lane);
    }

    private static void search(
            float[] weights,
            int offset,
            int length,
            float[] sums,
            float[] triangle,
            float[] scales,
            float[] inverses,
            CodeTable table,
            float[] costs,
            int lane) {
        int bits = table.bits;
        IntVector heap = FloatVector.fromArray(F, table.heap, 0).reinterpretAsInts();
        IntVector values = FloatVector.fromArray(F, table.cyclic, 0).reinterpretAsInts();
        FloatVector negated = FloatVector.fromArray(F, scales, lane).neg();
        FloatVector inverse = FloatVector.fromArray(F, inverses, lane);
        FloatVector cost = FloatVector.zero(F);
        for (int k = 0; k < length; k++) {
            float pivot = triangle[k * length + k];
            FloatVector weight = FloatVector.broadcast(F, weights[offset + k]);
            FloatVector sum = FloatVector.fromArray(F, sums, k * WIDTH);
            FloatVector t = sum.fma(FloatVector.broadcast(F, 1 / pivot), weight).mul(inverse);
            IntVector index = IntVector.broadcast(I, 1);
            for (int bit = 0; bit < bits; bit++) {
                FloatVector midpoint = index.selectFrom(heap).reinterpretAsFloats();
                index = index.add(index)
                        .add(1, t.compare(VectorOperators.GT, midpoint).cast(I));
            }
            FloatVector d = negated.fma(index.selectFrom(values).reinterpretAsFloats(), weight);
            FloatVector term = d.fma(FloatVector.broadcast(F, pivot), sum);
            cost = term.fma(term, cost);
            for (int j = k + 1; j < length; j++) {
                FloatVector factor = FloatVector.broadcast(F, triangle[k * length + j]);
                d.fma(factor, FloatVector.fromArray(F, sums, j * WIDTH)).intoArray(sums, j * WIDTH);
            }
        }
        cost.intoArray(costs, lane);
    }
}
