package dev.lowbit.sketchtune;

import dev.lowbit.kernel.VectorWidth;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** The verbs in SIMD, bit-equal to {@link ScalarLearningKernels} at 128, 256 and 512 bits: lanes are starts, or values of a run. */
final class VectorLearningKernels implements LearningKernels {
    private static final VectorSpecies<Float> F = VectorWidth.floats();
    private static final VectorSpecies<Double> D = VectorSpecies.of(double.class, F.vectorShape());
    private static final int WIDTH = D.length();

    /** Fewer starts are not worth finding the best of the lanes. */
    private static final int LEAST_STARTS = 16;

    @Override
    public int bestStart(double[] before, double[] zeroth, double[] first, int j, int least, int most) {
        if (most - least < LEAST_STARTS) {
            return ScalarLearningKernels.bestOf(before, zeroth, first, j, least, most);
        }
        DoubleVector weight = DoubleVector.broadcast(D, zeroth[j]);
        DoubleVector sum = DoubleVector.broadcast(D, first[j]);
        DoubleVector largest = DoubleVector.broadcast(D, Double.NEGATIVE_INFINITY);
        DoubleVector starts = DoubleVector.zero(D);
        DoubleVector now = DoubleVector.broadcast(D, least).addIndex(1);
        int last = most + 1 - WIDTH;
        for (int i = least; i <= most; i += WIDTH) {
            // the last vector ends with the last start: a start seen twice changes nothing
            int at = Math.min(i, last);
            now = i == at ? now : DoubleVector.broadcast(D, at).addIndex(1);
            DoubleVector difference = sum.sub(DoubleVector.fromArray(D, first, at));
            DoubleVector value = DoubleVector.fromArray(D, before, at)
                    .add(difference.mul(difference).div(weight.sub(DoubleVector.fromArray(D, zeroth, at))));
            VectorMask<Double> better = value.compare(VectorOperators.GT, largest);
            largest = largest.blend(value, better);
            starts = starts.blend(now, better);
            now = now.add(WIDTH);
        }
        // the largest of all lanes and, of equal ones, the first start: both are the same in any order
        double value = largest.reduceLanes(VectorOperators.MAX);
        VectorMask<Double> best = largest.compare(VectorOperators.EQ, value);
        return (int)
                DoubleVector.broadcast(D, Double.MAX_VALUE).blend(starts, best).reduceLanes(VectorOperators.MIN);
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
