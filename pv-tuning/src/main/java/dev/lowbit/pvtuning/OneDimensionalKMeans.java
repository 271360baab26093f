package dev.lowbit.pvtuning;

import java.util.Arrays;

/** k-means of numbers, for quantized scales: clusters are ranges of the sorted numbers, so prefix sums give their means. */
final class OneDimensionalKMeans {
    private OneDimensionalKMeans() {}

    /**
     * The result.
     *
     * @param levels ascending
     * @param indices the level of every number, in the order given
     */
    record Result(double[] levels, int[] indices) {}

    /** Some of the numbers at evenly spaced ranks, the smallest and the largest among them: {@code levels}, at least 2, of them. */
    static double[] start(double[] numbers, int levels) {
        double[] sorted = numbers.clone();
        Arrays.sort(sorted);
        double[] centers = new double[levels];
        for (int j = 0; j < levels; j++) {
            centers[j] = sorted[(int) ((long) j * (sorted.length - 1) / (levels - 1))];
        }
        return centers;
    }

    /**
     * Stops when no level l moves by more than 1e-8 + 1e-5 |l|. A number on the border between two levels belongs to the upper one; a level without
     * numbers takes the first number above its lower border.
     *
     * @param numbers finite, at least one; not modified
     * @param start ascending levels; not modified
     * @param rounds at most
     */
    static Result of(double[] numbers, double[] start, int rounds) {
        int n = numbers.length;
        int levels = start.length;
        double[] sorted = numbers.clone();
        Arrays.sort(sorted);
        double[] prefix = new double[n + 1];
        for (int i = 0; i < n; i++) {
            prefix[i + 1] = prefix[i] + sorted[i];
        }
        double[] centers = start.clone();
        boolean moves = true;
        for (int round = 0; moves && round < rounds; round++) {
            moves = false;
            int from = 0;
            double[] next = new double[levels];
            for (int j = 0; j < levels; j++) {
                int to = j == levels - 1 ? n : firstAtLeast(sorted, border(centers, j));
                next[j] = to > from ? (prefix[to] - prefix[from]) / (to - from) : sorted[Math.min(from, n - 1)];
                moves |= Math.abs(next[j] - centers[j]) > 1e-8 + 1e-5 * Math.abs(centers[j]);
                from = Math.max(from, to);
            }
            centers = next;
        }
        int[] indices = new int[n];
        for (int i = 0; i < n; i++) {
            while (indices[i] < levels - 1 && numbers[i] >= border(centers, indices[i])) {
                indices[i]++;
            }
        }
        return new Result(centers, indices);
    }

    /** Halfway from level j to the next. */
    private static double border(double[] centers, int j) {
        return 0.5 * (centers[j] + centers[j + 1]);
    }

    private static int firstAtLeast(double[] sorted, double border) {
        int low = 0;
        int high = sorted.length;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (sorted[middle] < border) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }
}
