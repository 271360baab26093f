package dev.lowbit.sketchtune;

/** The formulas as they stand: what every other implementation is tested against. */
final class ScalarLearningKernels implements LearningKernels {
    @Override
    public int bestStart(double[] before, double[] zeroth, double[] first, int j, int least, int most) {
        return bestOf(before, zeroth, first, j, least, most);
    }

    static int bestOf(double[] before, double[] zeroth, double[] first, int j, int least, int most) {
        double largest = Double.NEGATIVE_INFINITY;
        int best = least;
        for (int i = least; i <= most; i++) {
            double value = LearningKernels.value(before, zeroth, first, i, j);
            if (value > largest) {
                largest = value;
                best = i;
            }
        }
        return best;
    }

    @Override
    public void scatter(float[] values, int at, int[] places, int placesFrom, int count, float[] sums) {
        for (int i = placesFrom; i < placesFrom + count; i++) {
            for (int l = 0; l < RUN; l++) {
                sums[places[i] + l] += values[at + l];
            }
        }
    }
}
