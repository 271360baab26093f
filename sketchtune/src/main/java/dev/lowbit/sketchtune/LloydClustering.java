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
    public double[] centres(Points points, int k) {
        double[] found = equallySpaced(points, k);
        double limit = TOLERANCE * variance(points);
        int[] labels = new int[points.count()];
        Arrays.fill(labels, -1);
        for (int round = 0; round < MOST_ROUNDS; round++) {
            boolean changed = assign(points, labels, found);
            double[] next = means(points, labels, found);
            double shift = 0;
            for (int c = 0; c < k; c++) {
                shift += (next[c] - found[c]) * (next[c] - found[c]);
            }
            found = next;
            if (!changed || shift <= limit) {
                break;
            }
        }
        return found;
    }

    private static double[] equallySpaced(Points points, int k) {
        double smallest = Double.POSITIVE_INFINITY;
        double largest = Double.NEGATIVE_INFINITY;
        for (int i = 0; i < points.count(); i++) {
            smallest = Math.min(smallest, points.value(i));
            largest = Math.max(largest, points.value(i));
        }
        double[] centres = new double[k];
        for (int c = 0; c < k; c++) {
            centres[c] = smallest + (largest - smallest) * c / (k - 1);
        }
        return centres;
    }

    private static double variance(Points points) {
        double sum = 0;
        double squares = 0;
        for (int i = 0; i < points.count(); i++) {
            sum += points.value(i);
            squares += (double) points.value(i) * points.value(i);
        }
        double mean = sum / points.count();
        return Math.max(0, squares / points.count() - mean * mean);
    }

    private static boolean assign(Points points, int[] labels, double[] centres) {
        boolean changed = false;
        for (int i = 0; i < labels.length; i++) {
            int nearest = nearest(points.value(i), centres);
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

    private static double[] means(Points points, int[] labels, double[] centres) {
        int k = centres.length;
        double[] sums = new double[k];
        double[] totals = new double[k];
        int[] sizes = new int[k];
        for (int i = 0; i < labels.length; i++) {
            double weight = points.weight(i);
            sums[labels[i]] += weight * points.value(i);
            totals[labels[i]] += weight;
            sizes[labels[i]]++;
        }
        relocate(points, labels, centres, sums, totals, sizes);
        double[] means = new double[k];
        for (int c = 0; c < k; c++) {
            means[c] = totals[c] > 0 ? sums[c] / totals[c] : centres[c];
        }
        return means;
    }

    /** Gives every empty cluster one of the values farthest from their centres. */
    private static void relocate(
            Points points, int[] labels, double[] centres, double[] sums, double[] totals, int[] sizes) {
        boolean[] taken = new boolean[labels.length];
        for (int c = 0; c < sizes.length; c++) {
            if (sizes[c] > 0) {
                continue;
            }
            int farthest = -1;
            double largest = -1;
            for (int i = 0; i < labels.length; i++) {
                double distance = Math.abs(points.value(i) - centres[labels[i]]);
                if (!taken[i] && distance > largest) {
                    largest = distance;
                    farthest = i;
                }
            }
            if (farthest < 0) {
                return;
            }
            taken[farthest] = true;
            double weight = points.weight(farthest);
            double moved = weight * points.value(farthest);
            sums[labels[farthest]] -= moved;
            totals[labels[farthest]] -= weight;
            sums[c] = moved;
            totals[c] = weight;
        }
    }
}
