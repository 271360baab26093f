package dev.lowbit.sketchtune;

/** Weighted clustering of numbers on a line: centres z that make Σ a min_c (x - z_c)² small. Safe for many threads at once. */
interface Clustering {
    /**
     * Finds centres.
     *
     * @param values x, finite; not modified
     * @param from index of the first value
     * @param count values, at least 1
     * @param weights a, one for each value from index {@code weightsFrom} on, finite and not negative; not modified
     * @param centres from index {@code centresFrom} on {@code k} of them; modified (overwritten)
     */
    void centres(
            float[] values,
            int from,
            int count,
            double[] weights,
            int weightsFrom,
            double[] centres,
            int centresFrom,
            int k);

    /**
     * The objective of given centres.
     *
     * @return Σ a min_c (x - z_c)²
     */
    static double objective(
            float[] values,
            int from,
            int count,
            double[] weights,
            int weightsFrom,
            double[] centres,
            int centresFrom,
            int k) {
        double sum = 0;
        for (int i = 0; i < count; i++) {
            double nearest = Double.POSITIVE_INFINITY;
            for (int c = centresFrom; c < centresFrom + k; c++) {
                double distance = values[from + i] - centres[c];
                nearest = Math.min(nearest, distance * distance);
            }
            sum += weights[weightsFrom + i] * nearest;
        }
        return sum;
    }
}
