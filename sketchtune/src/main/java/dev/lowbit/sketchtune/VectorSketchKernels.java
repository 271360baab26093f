package dev.lowbit.sketchtune;

import dev.lowbit.kernel.VectorWidth;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** The verbs in SIMD, bit-equal to {@link ScalarSketchKernels} at 128, 256 and 512 bits: lanes are starts, or values of a run. */
final class VectorSketchKernels implements SketchKernels {
    private static final VectorSpecies<Float> F = VectorWidth.floats();
    private static final VectorSpecies<Double> D = VectorSpecies.of(double.class, F.vectorShape());
    private static final int WIDTH = D.length();

    /** Fewer vectors than this are not worth finding the best of the lanes. */
    private static final int LEAST_VECTORS = 2;

    @Override
    public int bestStart(double[] before, double[] zeroth, double[] first, int j, int least, int most) {
        int whole = (most - least + 1) / WIDTH * WIDTH;
        if (whole < LEAST_VECTORS * WIDTH) {
            return ScalarSketchKernels.bestOf(before, zeroth, first, j, least, most);
        }
        DoubleVector weight = DoubleVector.broadcast(D, zeroth[j]);
        DoubleVector sum = DoubleVector.broadcast(D, first[j]);
        DoubleVector largest = DoubleVector.broadcast(D, Double.NEGATIVE_INFINITY);
        DoubleVector starts = DoubleVector.zero(D);
        DoubleVector now = DoubleVector.broadcast(D, least).addIndex(1);
        for (int i = least; i < least + whole; i += WIDTH) {
            DoubleVector difference = sum.sub(DoubleVector.fromArray(D, first, i));
            DoubleVector value = DoubleVector.fromArray(D, before, i)
                    .add(difference.mul(difference).div(weight.sub(DoubleVector.fromArray(D, zeroth, i))));
            VectorMask<Double> better = value.compare(VectorOperators.GT, largest);
            largest = largest.blend(value, better);
            starts = starts.blend(now, better);
            now = now.add(WIDTH);
        }
        // the largest of all lanes and, of equal ones, the first start: both are the same in any order
        double value = largest.reduceLanes(VectorOperators.MAX);
        VectorMask<Double> best = largest.compare(VectorOperators.EQ, value);
        int start = (int) starts.reduceLanes(VectorOperators.MIN, best);
        int rest = least + whole;
        if (rest <= most) {
            int other = ScalarSketchKernels.bestOf(before, zeroth, first, j, rest, most);
            return SketchKernels.value(before, zeroth, first, other, j) > value ? other : start;
        }
        return start;
    }

    @Override
    public void scatter(float[] values, int at, int[] places, int placesFrom, int count, float[] sums) {
        for (int part = 0; part < RUN; part += 2 * F.length()) {
            FloatVector low = FloatVector.fromArray(F, values, at + part);
            FloatVector high = FloatVector.fromArray(F, values, at + part + F.length());
            for (int i = placesFrom; i < placesFrom + count; i++) {
                int to = places[i] + part;
                FloatVector.fromArray(F, sums, to).add(low).intoArray(sums, to);
                FloatVector.fromArray(F, sums, to + F.length()).add(high).intoArray(sums, to + F.length());
            }
        }
    }
}
