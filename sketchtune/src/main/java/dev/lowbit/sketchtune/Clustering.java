package dev.lowbit.sketchtune;

/** Weighted clustering of numbers on a line: centres z that make Σ a min_c (x - z_c)² small. Safe for many threads at once. */
interface Clustering {
    /**
     * Numbers to cluster.
     *
     * @param values x from index {@code from} on, finite; not modified
     * @param weights a at the same indices, finite and not negative; not modified
     * @param from index of the first
     * @param count how many, at least 1
     */
    record Points(float[] values, double[] weights, int from, int count) {
        float value(int i) {
            return values[from + i];
        }

        double weight(int i) {
            return weights[from + i];
        }
    }

    /**
     * Finds centres.
     *
     * @param k how many, at least 2
     */
    double[] centres(Points points, int k);

    /** The objective of given centres, Σ a min_c (x - z_c)². */
    static double objective(Points points, double[] centres) {
        double sum = 0;
        for (int i = 0; i < points.count(); i++) {
            double nearest = Double.POSITIVE_INFINITY;
            for (double centre : centres) {
                double distance = points.value(i) - centre;
                nearest = Math.min(nearest, distance * distance);
            }
            sum += points.weight(i) * nearest;
        }
        return sum;
    }
}
