package dev.lowbit.sketchtune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** Divide and conquer, bounds from fewer runs and interlacing partitions change the time, not the result. */
class ClusteringProperties {
    private static final double ROUNDING = 1e-12;

    /** Values with ties, runs of equal ones, outliers; weights over many magnitudes. */
    private record Problem(float[] values, double[] weights) {
        static Problem of(long seed, int n) {
            Random random = new Random(seed);
            float[] values = new float[n];
            double[] weights = new double[n];
            int kind = random.nextInt(4);
            for (int i = 0; i < n; i++) {
                values[i] = switch (kind) {
                    case 0 -> random.nextInt(7) - 3;
                    case 1 -> (float) Math.pow(random.nextGaussian(), 5);
                    case 2 -> 1000 + (float) random.nextGaussian();
                    default -> (float) random.nextGaussian();
                };
                weights[i] = Math.exp(2 * random.nextGaussian());
            }
            return new Problem(values, weights);
        }

        double objective(Clustering clustering, int k) {
            Clustering.Points points = new Clustering.Points(values, weights, 0, values.length);
            double[] centres = clustering.centres(points, k);
            assertThat(Arrays.stream(centres).allMatch(Double::isFinite)).isTrue();
            return Clustering.objective(points, centres);
        }

        /** Σ a x², of which a part is lost when it is added up. */
        double rounding() {
            double energy = Double.MIN_NORMAL;
            for (int i = 0; i < values.length; i++) {
                energy += weights[i] * values[i] * values[i];
            }
            return ROUNDING * energy;
        }

        /** The recurrence as it stands, O(k n²), each run's cost summed anew. */
        double optimum(int k) {
            Integer[] order = new Integer[values.length];
            Arrays.setAll(order, i -> i);
            Arrays.sort(order, (i, j) -> Float.compare(values[i], values[j]));
            int n = values.length;
            double[][] cost = new double[n + 1][n + 1];
            for (int i = 0; i < n; i++) {
                double weight = 0;
                double mean = 0;
                double squares = 0;
                for (int j = i; j < n; j++) {
                    double a = weights[order[j]];
                    if (a > 0) {
                        weight += a;
                        double d = values[order[j]] - mean;
                        mean += d * a / weight;
                        squares += a * d * (values[order[j]] - mean);
                    }
                    cost[i][j + 1] = squares;
                }
            }
            double[] best = new double[n + 1];
            Arrays.fill(best, Double.POSITIVE_INFINITY);
            best[0] = 0;
            for (int q = 0; q < k; q++) {
                double[] next = best.clone();
                for (int j = 1; j <= n; j++) {
                    for (int i = 0; i < j; i++) {
                        next[j] = Math.min(next[j], best[i] + cost[i][j]);
                    }
                }
                best = next;
            }
            return best[n];
        }
    }

    @Property(tries = 400)
    void exactIsTheOptimum(
            @ForAll long seed, @ForAll @IntRange(min = 1, max = 90) int n, @ForAll @IntRange(min = 1, max = 16) int k) {
        Problem problem = Problem.of(seed, n);
        assertThat(problem.objective(new ExactClustering(), k))
                .isCloseTo(problem.optimum(k), within(problem.rounding()));
    }

    @Property(tries = 100)
    void exactIsNoWorseThanLloyd(
            @ForAll long seed,
            @ForAll @IntRange(min = 1, max = 200) int n,
            @ForAll @IntRange(min = 2, max = 4) int bits) {
        Problem problem = Problem.of(seed, n);
        assertThat(problem.objective(new ExactClustering(), 1 << bits))
                .isLessThanOrEqualTo(problem.objective(new LloydClustering(), 1 << bits) + problem.rounding());
    }

    /** Values of no weight have a cluster all the same, and take next to nothing from the others. */
    @Property(tries = 100)
    void noWeightIsDefined(
            @ForAll long seed, @ForAll @IntRange(min = 1, max = 60) int n, @ForAll @IntRange(min = 1, max = 16) int k) {
        Problem problem = Problem.of(seed, n);
        Random random = new Random(seed);
        for (int i = 0; i < n; i++) {
            problem.weights()[i] = random.nextInt(3) == 0 ? 0 : problem.weights()[i];
        }
        double range = 0;
        for (float value : problem.values()) {
            range = Math.max(range, Math.abs(value - problem.values()[0]));
        }
        double largest = Arrays.stream(problem.weights()).max().orElseThrow();
        assertThat(problem.objective(new ExactClustering(), k))
                .isCloseTo(problem.optimum(k), within(problem.rounding() + 1e-12 * n * largest * range * range));
    }

    @Property(tries = 100)
    void moreCentresNeverCostMore(@ForAll long seed, @ForAll @IntRange(min = 1, max = 100) int n) {
        Problem problem = Problem.of(seed, n);
        double before = Double.POSITIVE_INFINITY;
        for (int k = 1; k <= 16; k++) {
            double now = problem.objective(new ExactClustering(), k);
            assertThat(now).isLessThanOrEqualTo(before + problem.rounding());
            before = now;
        }
    }
}
