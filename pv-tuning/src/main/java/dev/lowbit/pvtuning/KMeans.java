package dev.lowbit.pvtuning;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import java.util.Arrays;

/**
 * Vector k-means (Lloyd) as AQLM starts from: centroids are the means of the points nearest to them, in rounds.
 *
 * <p>A centroid without points stays where it is. Rounds 0, 10, 20, ... end the search when no coordinate c moved by more than 1e-8 + 1e-6 |c|. With
 * no more points than centroids every point is a centroid, and the rest are zero vectors.
 */
final class KMeans {
    private static final int POINTS_PER_TASK = 1024;
    private static final int CHECK_EVERY = 10;

    private final double[] points;
    private final int dimensions;
    private final int count;
    private final Workers workers;

    /** @param points count x dimensions, row-major, finite; not modified */
    KMeans(double[] points, int dimensions, Workers workers) {
        this.points = points;
        this.dimensions = dimensions;
        this.count = points.length / dimensions;
        this.workers = workers;
    }

    /** {@code clusters} distinct points, drawn uniformly, as a start: clusters x dimensions. */
    double[] randomStart(int clusters, RandomStream stream) {
        if (count <= clusters) {
            return allPoints(clusters);
        }
        int[] rows = Draws.distinct(count, clusters, stream);
        double[] start = new double[clusters * dimensions];
        for (int k = 0; k < clusters; k++) {
            System.arraycopy(points, rows[k] * dimensions, start, k * dimensions, dimensions);
        }
        return start;
    }

    /**
     * The best of several random starts after some rounds each. Where a local optimum ends is decided early, so short trials find the better
     * ones.
     */
    double[] bestStart(int clusters, int trials, int rounds, RandomStream stream) {
        double[] best = null;
        double least = Double.POSITIVE_INFINITY;
        for (int trial = 0; trial < trials; trial++) {
            double[] centroids = randomStart(clusters, stream);
            improve(centroids, rounds);
            double error = squaredError(centroids, assign(centroids));
            if (best == null || error < least) {
                best = centroids;
                least = error;
            }
        }
        return best;
    }

    /** Point 0, and then always the point farthest from all chosen so far, of equal ones the first: clusters x dimensions. */
    double[] farthestStart(int clusters) {
        if (count <= clusters) {
            return allPoints(clusters);
        }
        double[] start = new double[clusters * dimensions];
        double[] distances = new double[count];
        Arrays.fill(distances, Double.POSITIVE_INFINITY);
        int chosen = 0;
        for (int k = 0; k < clusters; k++) {
            System.arraycopy(points, chosen * dimensions, start, k * dimensions, dimensions);
            chosen = 0;
            for (int point = 0; point < count; point++) {
                distances[point] = Math.min(distances[point], distance(point, start, k));
                if (distances[point] > distances[chosen]) {
                    chosen = point;
                }
            }
        }
        return start;
    }

    private double[] allPoints(int clusters) {
        return Arrays.copyOf(points, clusters * dimensions);
    }

    /**
     * Moves centroids for at most so many rounds.
     *
     * @param centroids clusters x dimensions; modified: from the start to the result
     */
    void improve(double[] centroids, int rounds) {
        int clusters = centroids.length / dimensions;
        if (count <= clusters) {
            return;
        }
        CodewordLanes book = CodewordLanes.nearest(centroids, 0, clusters, dimensions);
        int[] nearest = new int[count];
        double[] before = new double[centroids.length];
        for (int round = 0; round < rounds; round++) {
            assign(book, nearest);
            System.arraycopy(centroids, 0, before, 0, before.length);
            moveToMeans(centroids, nearest);
            if (round % CHECK_EVERY == 0 && settled(before, centroids)) {
                return;
            }
            book.load(centroids, 0);
            book.setHalfSquares();
        }
    }

    /** The nearest centroid of every point, of equal ones the first. */
    int[] assign(double[] centroids) {
        int[] nearest = new int[count];
        assign(CodewordLanes.nearest(centroids, 0, centroids.length / dimensions, dimensions), nearest);
        return nearest;
    }

    /** The sum of squared distances of the points to the centroids they have been given. */
    double squaredError(double[] centroids, int[] assignment) {
        double sum = 0;
        for (int point = 0; point < count; point++) {
            sum += distance(point, centroids, assignment[point]);
        }
        return sum;
    }

    private void assign(CodewordLanes book, int[] nearest) {
        CodewordSearch search = CodewordSearch.get();
        workers.forEach(Math.ceilDiv(count, POINTS_PER_TASK), task -> {
            int from = task * POINTS_PER_TASK;
            search.best(points, from, Math.min(POINTS_PER_TASK, count - from), book, nearest);
        });
    }

    private void moveToMeans(double[] centroids, int[] nearest) {
        int clusters = centroids.length / dimensions;
        double[] sums = new double[centroids.length];
        int[] members = new int[clusters];
        for (int point = 0; point < count; point++) {
            int k = nearest[point];
            members[k]++;
            for (int i = 0; i < dimensions; i++) {
                sums[k * dimensions + i] += points[point * dimensions + i];
            }
        }
        for (int k = 0; k < clusters; k++) {
            for (int i = k * dimensions; members[k] > 0 && i < (k + 1) * dimensions; i++) {
                centroids[i] = sums[i] / members[k];
            }
        }
    }

    private static boolean settled(double[] before, double[] after) {
        for (int i = 0; i < before.length; i++) {
            if (Math.abs(after[i] - before[i]) > 1e-8 + 1e-6 * Math.abs(after[i])) {
                return false;
            }
        }
        return true;
    }

    private double distance(int point, double[] centroids, int k) {
        double sum = 0;
        for (int i = 0; i < dimensions; i++) {
            double difference = points[point * dimensions + i] - centroids[k * dimensions + i];
            sum = Math.fma(difference, difference, sum);
        }
        return sum;
    }
}
