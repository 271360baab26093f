package dev.lowbit.sketchtune;

import java.util.Arrays;

/**
 * The iteration of the original (LeanQuant, by way of scikit-learn), for comparison: k centres equally spaced from the smallest to the largest value, then
 * nearest centres and weighted means in turn. A centre that received nothing moves onto the value farthest from its own centre, whose weight leaves
 * its old cluster. Centres are left in the order that this gives.
 */
final class LloydClustering implements Clustering {
    private static final int MOST_ROUNDS = 100;
    private static final double TOLERANCE = 1e-6;

    @Override
    public void centres(
            float[] values,
            int from,
            int count,
            double[] weights,
            int weightsFrom,
            double[] centres,
            int centresFrom,
            int k) {
        double[] found = equallySpaced(values, from, count, k);
        double limit = TOLERANCE * variance(values, from, count);
        int[] labels = new int[count];
        Arrays.fill(labels, -1);
        for (int round = 0; round < MOST_ROUNDS; round++) {
            boolean changed = assign(values, from, labels, found);
            double[] next = means(values, from, labels, weights, weightsFrom, found);
            double shift = 0;
            for (int c = 0; c < k; c++) {
                shift += (next[c] - found[c]) * (next[c] - found[c]);
            }
            found = next;
            if (!changed || shift <= limit) {
                break;
            }
        }
        System.arraycopy(found, 0, centres, centresFrom, k);
    }

    private static double[] equallySpaced(float[] values, int from, int count, int k) {
        double smallest = Double.POSITIVE_INFINITY;
        double largest = Double.NEGATIVE_INFINITY;
        for (int i = from; i < from + count; i++) {
            smallest = Math.min(smallest, values[i]);
            largest = Math.max(largest, values[i]);
        }
        double[] centres = new double[k];
        for (int c = 0; c < k; c++) {
            centres[c] = smallest + (largest - smallest) * c / (k - 1);
        }
        return centres;
    }

    private static double variance(float[] values, int from, int count) {
        double sum = 0;
        double squares = 0;
        for (int i = from; i < from + count; i++) {
            sum += values[i];
            squares += (double) values[i] * values[i];
        }
        double mean = sum / count;
        return Math.max(0, squares / count - mean * mean);
    }

    private static boolean assign(float[] values, int from, int[] labels, double[] centres) {
        boolean changed = false;
        for (int i = 0; i < labels.length; i++) {
            int nearest = nearest(values[from + i], centres);
            changed |= nearest != labels[i];
            labels[i] = nearest;
        }
        return changed;
    }

    private static int nearest(float value, double[] centres) {
        int best = 0;
        double smallest = Double.POSITIVE_INFINITY;
        for (int c = 0; c < centres.length; c++) {
            double distance = Math.abs(value - centres[c]);
            if (distance < smallest) {
                smallest = distance;
                best = c;
            }
        }
        return best;
    }

    private static double[] means(
            float[] values, int from, int[] labels, double[] weights, int weightsFrom, double[] centres) {
        int k = centres.length;
        double[] sums = new double[k];
        double[] totals = new double[k];
        int[] sizes = new int[k];
        for (int i = 0; i < labels.length; i++) {
            double weight = weights[weightsFrom + i];
            sums[labels[i]] += weight * values[from + i];
            totals[labels[i]] += weight;
            sizes[labels[i]]++;
        }
        relocate(values, from, labels, weights, weightsFrom, centres, sums, totals, sizes);
        double[] means = new double[k];
        for (int c = 0; c < k; c++) {
            means[c] = totals[c] > 0 ? sums[c] / totals[c] : centres[c];
        }
        return means;
    }

    /** Gives every empty cluster one of the values farthest from their centres. */
    private static void relocate(
            float[] values,
            int from,
            int[] labels,
            double[] weights,
            int weightsFrom,
            double[] centres,
            double[] sums,
            double[] totals,
            int[] sizes) {
        boolean[] taken = new boolean[labels.length];
        for (int c = 0; c < sizes.length; c++) {
            if (sizes[c] > 0) {
                continue;
            }
            int farthest = -1;
            double largest = -1;
            for (int i = 0; i < labels.length; i++) {
                double distance = Math.abs(values[from + i] - centres[labels[i]]);
                if (!taken[i] && distance > largest) {
                    largest = distance;
                    farthest = i;
                }
            }
            if (farthest < 0) {
                return;
            }
            taken[farthest] = true;
            double weight = weights[weightsFrom + farthest];
            double moved = weight * values[from + farthest];
            sums[labels[farthest]] -= moved;
            totals[labels[farthest]] -= weight;
            sums[c] = moved;
            totals[c] = weight;
        }
    }
}
