package dev.lowbit.sketchtune;

import java.util.Arrays;

/**
 * The global optimum. On a line the best clusters are runs of the sorted values, and Σ a (x - mean)² of a run is S₂ - S₁² / S₀ of the sums S_p = Σ a xᵖ;
 * the S₂ add up to the same for every partition. So with prefix sums and D_q(j) the most that the first j values in q runs can have of Σ S₁² / S₀,
 *
 * <pre>D_q(j) = max_i D_{q-1}(i) + (S₁(j) - S₁(i))² / (S₀(j) - S₀(i)),</pre>
 *
 * whose best i never falls as j or q grows: divide and conquer finds all of them in O(k n log n). Ascending centres; where there are fewer distinct
 * values than centres, the last is repeated.
 */
final class ExactClustering implements Clustering {
    /** A value of no weight at all still has a cluster. */
    private static final double LEAST_WEIGHT = 1e-12;

    /** Four units in the last place of a sum of ones, for each of them: less would be lost in sums of many values. */
    private static final double LEAST_SHARE = 0x1p-50;

    /** So many neighbours are done one after another: halving them costs more than it saves. */
    private static final int FEW = 8;

    private static final int[] NOTHING = {};

    private static final LearningKernels KERNELS = LearningKernels.get();

    @Override
    public double[] centres(Points points, int k) {
        Runs runs = new Runs(points);
        double[] centres = new double[k];
        int found = Math.min(k, runs.distinct);
        runs.split(found, centres);
        Arrays.fill(centres, found, k, centres[found - 1]);
        return centres;
    }

    /** One problem: distinct values in ascending order with the weights of equal ones added up. */
    private static final class Runs {
        private final int distinct;
        private final double mean;
        /** Σ a of the values before each, and Σ a (x - mean). */
        private final double[] zeroth;

        private final double[] first;

        Runs(Points points) {
            int count = points.count();
            long[] order = new long[count];
            double largest = 0;
            for (int i = 0; i < count; i++) {
                order[i] = sortable(points.value(i)) << Integer.SIZE | i;
                largest = Math.max(largest, points.weight(i));
            }
            Arrays.sort(order);
            double least = largest > 0 ? Math.max(LEAST_WEIGHT, count * LEAST_SHARE) * largest : 1;
            double total = 0;
            double sum = 0;
            for (int i = 0; i < count; i++) {
                double weight = Math.max(least, points.weight(i));
                total += weight;
                sum += weight * points.value(i);
            }
            // sums of differences from the mean, so that small clusters do not drown in the rounding of large sums
            mean = sum / total;
            zeroth = new double[count + 1];
            first = new double[count + 1];
            int n = 0;
            float last = Float.NaN;
            for (long key : order) {
                int i = (int) key;
                double weight = Math.max(least, points.weight(i));
                float value = points.value(i);
                if (value != last) {
                    n++;
                    zeroth[n] = zeroth[n - 1];
                    first[n] = first[n - 1];
                    last = value;
                }
                zeroth[n] += weight;
                first[n] += weight * (value - mean);
            }
            distinct = n;
        }

        /** Longs in the order of floats. */
        private static long sortable(float value) {
            int bits = Float.floatToRawIntBits(value + 0f);
            return bits ^ (bits >> Integer.SIZE - 1 & Integer.MAX_VALUE);
        }

        private double gain(int i, int j) {
            double sum = first[j] - first[i];
            return sum * sum / (zeroth[j] - zeroth[i]);
        }

        /** Writes the centres of k runs, at most as many as there are distinct values. */
        void split(int k, double[] centres) {
            int[][] starts = new int[k][distinct + 1];
            double[] before = new double[distinct + 1];
            double[] now = new double[distinct + 1];
            for (int j = 1; j <= distinct; j++) {
                before[j] = gain(0, j);
            }
            int lowest = 1;
            for (int q = 1; q < k; q++) {
                int low = leastEnd(q, k, starts, lowest);
                // where starts before the lowest end of one run less are not known, those of one run less say nothing
                // either
                int[] fewer = lowest > q ? NOTHING : starts[q - 1];
                layer(before, now, fewer, starts[q], low, distinct, lowest, distinct - 1);
                lowest = low;
                double[] spare = before;
                before = now;
                now = spare;
            }
            int end = distinct;
            for (int q = k - 1; q >= 0; q--) {
                int start = q == 0 ? 0 : starts[q][end];
                centres[q] = mean + (first[end] - first[start]) / (zeroth[end] - zeroth[start]);
                end = start;
            }
        }

        /**
         * The least j at which the first q + 1 of k runs can end. The last run ends at the end. Of the others: boundaries of best partitions interlace,
         * so that with k - q runs less, the partition that the layers so far have found, boundary 2 q + 1 - k is not behind it.
         *
         * @param lowest the least j of the layer before
         */
        private int leastEnd(int q, int k, int[][] starts, int lowest) {
            if (q == k - 1) {
                return distinct;
            }
            if (2 * q < k) {
                return lowest + 1;
            }
            int end = distinct;
            for (int run = q - 1; run > 2 * q - k; run--) {
                end = starts[run][end];
            }
            return Math.max(lowest + 1, end);
        }

        /** D(j) for j from {@code low} to {@code high}, whose best starts lie from {@code least} to {@code most}, and not before those of one run less. */
        private void layer(
                double[] before, double[] now, int[] fewer, int[] starts, int low, int high, int least, int most) {
            int from = low;
            int lowest = least;
            // the right half goes on in this loop, the left one by recursion
            while (high - from >= FEW) {
                int middle = (from + high) >>> 1;
                int last = Math.min(most, middle - 1);
                int start = KERNELS.bestStart(before, zeroth, first, middle, least(fewer, middle, lowest, last), last);
                starts[middle] = start;
                now[middle] = LearningKernels.value(before, zeroth, first, start, middle);
                layer(before, now, fewer, starts, from, middle - 1, lowest, start);
                from = middle + 1;
                lowest = start;
            }
            for (int j = from; j <= high; j++) {
                int last = Math.min(most, j - 1);
                lowest = least(fewer, j, lowest, last);
                double largest = Double.NEGATIVE_INFINITY;
                for (int i = lowest; i <= last; i++) {
                    double value = LearningKernels.value(before, zeroth, first, i, j);
                    if (value > largest) {
                        largest = value;
                        lowest = i;
                    }
                }
                starts[j] = lowest;
                now[j] = largest;
            }
        }

        private static int least(int[] fewer, int j, int lowest, int last) {
            return fewer.length == 0 ? lowest : Math.clamp(fewer[j], lowest, last);
        }
    }
}
