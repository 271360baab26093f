package dev.lowbit.matrix.affine;

import dev.lowbit.kernel.VectorWidth;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link AffineKernels#feedbackCosts} in SIMD: lanes are scales, weights and factors are broadcast. The sums carried on are half the square of
 * the group's length, and all of the time. So columns are taken in panels of eight: what all columns before the panel carry into it is summed
 * up in eight registers, one load of an error for eight products; only inside the panel do sums go through memory. Each sum still takes
 * its terms in ascending order, so the bits are those of the formula.
 */
final class AffineFeedbackCosts {
    private static final VectorSpecies<Float> F = VectorWidth.floats();
    private static final int WIDTH = F.length();
    private static final int PANEL = 8;

    private AffineFeedbackCosts() {}

    static void of(
            float[] weights,
            int offset,
            int length,
            float[] carried,
            float[] triangle,
            float[] scales,
            int zero,
            int last,
            float[] costs) {
        float[] inverses = AffineKernels.inverses(scales);
        float lowest = -zero;
        float highest = last - zero;
        float[] errors = new float[length * WIDTH];
        float[] sums = new float[PANEL * WIDTH];
        Arrays.fill(costs, 0, AffineKernels.LANES, 0f);
        for (int lane = 0; lane < AffineKernels.LANES; lane += WIDTH) {
            for (int first = 0; first < length; first += PANEL) {
                int count = Math.min(PANEL, length - first);
                if (count == PANEL) {
                    carryIntoPanel(errors, first, length, carried, triangle, sums);
                } else {
                    for (int j = 0; j < count; j++) {
                        carryIntoColumn(errors, first, first + j, length, carried, triangle, sums, j * WIDTH);
                    }
                }
                panel(
                        weights, offset, length, triangle, first, count, scales, inverses, lowest, highest, lane, sums,
                        errors, costs);
            }
        }
    }

    private static void carryIntoPanel(
            float[] errors, int first, int length, float[] carried, float[] triangle, float[] sums) {
        FloatVector s0 = FloatVector.broadcast(F, carried[first]);
        FloatVector s1 = FloatVector.broadcast(F, carried[first + 1]);
        FloatVector s2 = FloatVector.broadcast(F, carried[first + 2]);
        FloatVector s3 = FloatVector.broadcast(F, carried[first + 3]);
        FloatVector s4 = FloatVector.broadcast(F, carried[first + 4]);
        FloatVector s5 = FloatVector.broadcast(F, carried[first + 5]);
        FloatVector s6 = FloatVector.broadcast(F, carried[first + 6]);
        FloatVector s7 = FloatVector.broadcast(F, carried[first + 7]);
        for (int k = 0; k < first; k++) {
            FloatVector d = FloatVector.fromArray(F, errors, k * WIDTH);
            int at = k * length + first;
            s0 = d.fma(FloatVector.broadcast(F, triangle[at]), s0);
            s1 = d.fma(FloatVector.broadcast(F, triangle[at + 1]), s1);
            s2 = d.fma(FloatVector.broadcast(F, triangle[at + 2]), s2);
            s3 = d.fma(FloatVector.broadcast(F, triangle[at + 3]), s3);
            s4 = d.fma(FloatVector.broadcast(F, triangle[at + 4]), s4);
            s5 = d.fma(FloatVector.broadcast(F, triangle[at + 5]), s5);
            s6 = d.fma(FloatVector.broadcast(F, triangle[at + 6]), s6);
            s7 = d.fma(FloatVector.broadcast(F, triangle[at + 7]), s7);
        }
        s0.intoArray(sums, 0);
        s1.intoArray(sums, WIDTH);
        s2.intoArray(sums, 2 * WIDTH);
        s3.intoArray(sums, 3 * WIDTH);
        s4.intoArray(sums, 4 * WIDTH);
        s5.intoArray(sums, 5 * WIDTH);
        s6.intoArray(sums, 6 * WIDTH);
        s7.intoArray(sums, 7 * WIDTH);
    }

    private static void carryIntoColumn(
            float[] errors,
            int first,
            int column,
            int length,
            float[] carried,
            float[] triangle,
            float[] sums,
            int at) {
        FloatVector sum = FloatVector.broadcast(F, carried[column]);
        for (int k = 0; k < first; k++) {
            FloatVector factor = FloatVector.broadcast(F, triangle[k * length + column]);
            sum = FloatVector.fromArray(F, errors, k * WIDTH).fma(factor, sum);
        }
        sum.intoArray(sums, at);
    }

    /** The columns of one panel, whose sums hold what came from the columns before it. */
    private static void panel(
            float[] weights,
            int offset,
            int length,
            float[] triangle,
            int first,
            int count,
            float[] scales,
            float[] inverses,
            float lowest,
            float highest,
            int lane,
            float[] sums,
            float[] errors,
            float[] costs) {
        FloatVector negated = FloatVector.fromArray(F, scales, lane).neg();
        FloatVector inverse = FloatVector.fromArray(F, inverses, lane);
        FloatVector cost = FloatVector.fromArray(F, costs, lane);
        for (int c = 0; c < count; c++) {
            int k = first + c;
            float pivot = triangle[k * length + k];
            FloatVector weight = FloatVector.broadcast(F, weights[offset + k]);
            FloatVector sum = FloatVector.fromArray(F, sums, c * WIDTH);
            FloatVector t = sum.fma(FloatVector.broadcast(F, 1 / pivot), weight).mul(inverse);
            FloatVector level =
                    t.max(lowest).min(highest).add(AffineKernels.ROUNDER).sub(AffineKernels.ROUNDER);
            FloatVector d = negated.fma(level, weight);
            FloatVector term = d.fma(FloatVector.broadcast(F, pivot), sum);
            cost = term.fma(term, cost);
            d.intoArray(errors, k * WIDTH);
            for (int j = c + 1; j < count; j++) {
                FloatVector factor = FloatVector.broadcast(F, triangle[k * length + first + j]);
                d.fma(factor, FloatVector.fromArray(F, sums, j * WIDTH)).intoArray(sums, j * WIDTH);
            }
        }
        cost.intoArray(costs, lane);
    }
}
