package dev.lowbit.sketchtune;

import dev.lowbit.kernel.KernelLookup;

/** The loops that learning a sketch spends its time in. Every implementation gives the same bits. */
interface LearningKernels {
    /** Values that are scattered together. */
    int RUN = 64;

    /** The kernels of this process. */
    static LearningKernels get() {
        return Holder.KERNELS;
    }

    /**
     * Of the starts i of a last run that ends before j, the first of those with the largest before(i) + (S₁(j) - S₁(i))² / (S₀(j) - S₀(i)).
     *
     * @param before a value for each start; not modified
     * @param zeroth S₀, ascending; not modified
     * @param first S₁; not modified
     * @param least the first start
     * @param most the last start, below j, not below {@code least}
     */
    int bestStart(double[] before, double[] zeroth, double[] first, int j, int least, int most);

    /**
     * Adds {@link #RUN} values to several places.
     *
     * @param values from index {@code at} on; not modified
     * @param places indices into {@code sums}, a multiple of RUN apart; {@code count} of them from {@code placesFrom} on
     * @param sums modified
     */
    void scatter(float[] values, int at, int[] places, int placesFrom, int count, float[] sums);

    /** What {@link #bestStart} compares. */
    static double value(double[] before, double[] zeroth, double[] first, int i, int j) {
        double difference = first[j] - first[i];
        return before[i] + difference * difference / (zeroth[j] - zeroth[i]);
    }

    /** Delays the choice until the first use. */
    final class Holder {
        private static final LearningKernels KERNELS =
                KernelLookup.choose(ScalarLearningKernels::new, () -> new VectorLearningKernels());

        private Holder() {}
    }
}
