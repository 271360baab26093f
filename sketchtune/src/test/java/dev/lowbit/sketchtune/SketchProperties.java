package dev.lowbit.sketchtune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gram;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.matrix.sketch.StoredTables;
import dev.lowbit.matrix.sketch.TableFormat;
import dev.lowbit.tensor.FloatMatrix;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** What holds for every layer. */
class SketchProperties {
    /** Objectives are sums of products in single precision, at most a few hundred of them. */
    private static final double ROUNDING = 1e-4;

    private static final Workers SERIAL = Workers.serial();

    private static FloatMatrix gaussian(long seed, String name, int rows, int columns) {
        FloatMatrix m = FloatMatrix.wrap(rows, columns, new float[rows * columns]);
        RandomStream.of(seed, "sketch", name).fillGaussian(m);
        return m;
    }

    /** Σ d H dᵀ, plainly. */
    private static double error(FloatMatrix weights, Curvature curvature, Sketch sketch) {
        double error = 0;
        int n = weights.columns();
        for (int i = 0; i < weights.rows(); i++) {
            for (int j = 0; j < n; j++) {
                for (int l = 0; l < n; l++) {
                    error += (weights.get(i, j) - sketch.weight(i, j))
                            * curvature.matrix().get(j, l)
                            * (weights.get(i, l) - sketch.weight(i, l));
                }
            }
        }
        return error;
    }

    @Property(tries = 60)
    void noStepRaisesTheObjective(
            @ForAll long seed,
            @ForAll @IntRange(min = 1, max = 9) int rows,
            @ForAll @IntRange(min = 1, max = 20) int groupColumns,
            @ForAll @IntRange(min = 1, max = 4) int groups,
            @ForAll @IntRange(min = 2, max = 4) int bits,
            @ForAll @IntRange(min = 1, max = 60) int tokens) {
        int n = groups * groupColumns;
        FloatMatrix weights = gaussian(seed, "w", rows, n);
        double[] moment = Gram.of(gaussian(seed, "x", tokens, n), true, SERIAL);
        try (Curvature curvature = Curvature.of(moment, n, 0.1, true, SERIAL);
                HessianObjective objective =
                        new HessianObjective(weights, curvature, new ExactClustering(), 2, SERIAL)) {
            Sketch sketch = Sketch.empty(rows, n, groups, 1 << bits);
            objective.cluster(sketch);
            double before = objective.map(sketch);
            double unit = ROUNDING * error(weights, curvature, Sketch.empty(rows, n, groups, 1 << bits));
            assertThat(error(weights, curvature, sketch)).isCloseTo(before, within(unit));
            for (int round = 0; round < 3; round++) {
                SketchLearner.solve(objective, sketch);
                double solved = error(weights, curvature, sketch);
                assertThat(solved).isLessThanOrEqualTo(before + unit);
                before = objective.descend(sketch);
                assertThat(before).isLessThanOrEqualTo(solved + unit);
                assertThat(error(weights, curvature, sketch)).isCloseTo(before, within(unit));
            }
            Sketch rounded = sketch.copy();
            TableFormat format = TableFormat.parse("t5-f16").orElseThrow();
            StoredTables stored = TableRounding.apply(objective, rounded, format);
            assertThat(rounded.floats()).isEqualTo(stored.toArray());
            Sketch naive = sketch.copy();
            float[] nearest = StoredTables.round(sketch.floats(), 1 << bits, format)
                    .orElseThrow()
                    .toArray();
            for (int i = 0; i < nearest.length; i++) {
                naive.tables()[i] = nearest[i];
            }
            // integers and codes are chosen together: seldom worse than rounding alone, by what another scale costs
            assertThat(error(weights, curvature, rounded))
                    .isLessThanOrEqualTo(1.5 * error(weights, curvature, naive) + unit);
        }
    }

    /** The sweep of the specification, by the inverse of H and in double. */
    @Property(tries = 40)
    void theSweepIsTheReference(
            @ForAll long seed,
            @ForAll @IntRange(min = 1, max = 5) int rows,
            @ForAll @IntRange(min = 1, max = 70) int n,
            @ForAll @IntRange(min = 2, max = 4) int bits,
            @ForAll boolean actOrder) {
        FloatMatrix weights = gaussian(seed, "w", rows, n);
        double[] moment = Gram.of(gaussian(seed, "x", 2 * n, n), true, SERIAL);
        try (Curvature curvature = Curvature.of(moment, n, 0.1, actOrder, SERIAL)) {
            Sketch sketch = Sketch.empty(rows, n, 1, 1 << bits);
            TableClusters.byColumn(weights, curvature.columnWeights(2), new ExactClustering(), sketch, SERIAL);
            double swept = MappingSweep.apply(weights, curvature, sketch, SERIAL);
            Sketch reference = sketch.copy();
            double expected = SweepReference.sweep(weights, curvature, reference);
            double nothing = 1e-12 * error(weights, curvature, Sketch.empty(rows, n, 1, 1 << bits));
            int equal = 0;
            for (int i = 0; i < sketch.codes().length; i++) {
                equal += sketch.codes()[i] == reference.codes()[i] ? 1 : 0;
            }
            // a weight in the middle of two entries may fall either way, and what follows with it
            if (equal == sketch.codes().length) {
                assertThat(swept).isCloseTo(expected, within(1e-4 * expected + nothing));
            } else {
                assertThat(swept).isCloseTo(expected, within(0.2 * expected + nothing));
            }
        }
    }

    @Property(tries = 20)
    void anyWorkersGiveTheSameSketch(
            @ForAll long seed,
            @ForAll @IntRange(min = 1, max = 150) int rows,
            @ForAll @IntRange(min = 1, max = 20) int groupColumns,
            @ForAll @IntRange(min = 1, max = 3) int groups) {
        FloatMatrix weights = gaussian(seed, "w", rows, groups * groupColumns);
        FloatMatrix inputs = gaussian(seed, "x", 50, groups * groupColumns);
        SketchSettings settings = SketchSettings.of(2, groups);
        LayerSketch serial = LayerSketcher.sketch(weights, inputs, settings, SERIAL);
        try (ExecutorService executor = Executors.newFixedThreadPool(3)) {
            LayerSketch parallel = LayerSketcher.sketch(weights, inputs, settings, Workers.on(executor, 3));
            assertThat(parallel.codes()).isEqualTo(serial.codes());
            assertThat(parallel.tables()).isEqualTo(serial.tables());
        }
    }

    /** A diagonal in full is the same system, and has the same solution to the bit. */
    @Property(tries = 40)
    void diagonalEquationsAreDenseOnes(@ForAll long seed, @ForAll @IntRange(min = 1, max = 150) int size) {
        float[] values = gaussian(seed, "b", 3, size).toArray();
        double[] a = new double[size];
        double[] full = new double[size * size];
        double[] b = new double[size];
        double[] z = new double[size];
        for (int e = 0; e < size; e++) {
            boolean used = values[2 * size + e] > -1;
            a[e] = used ? (double) values[e] * values[e] : 0;
            full[e * (size + 1)] = a[e];
            b[e] = used ? values[size + e] : 0;
            z[e] = values[2 * size + e];
        }
        RowEquations diagonal = new DiagonalEquations(a, b);
        RowEquations dense = new DenseEquations(full, b);
        for (int e = 0; e < size; e++) {
            assertThat(diagonal.diagonal(e)).isEqualTo(dense.diagonal(e));
            assertThat(diagonal.residual(e, z)).isEqualTo(dense.residual(e, z));
        }
        double[] expected = z.clone();
        dense.solve(expected, 0);
        diagonal.solve(z, 0);
        assertThat(z).isEqualTo(expected);
    }

    /** Without pairs of weights clusters are the optimum: nothing improves on them. */
    @Property(tries = 40)
    void weightedClustersAreAFixedPoint(
            @ForAll long seed,
            @ForAll @IntRange(min = 1, max = 5) int rows,
            @ForAll @IntRange(min = 1, max = 60) int n,
            @ForAll boolean plain) {
        FloatMatrix weights = gaussian(seed, "w", rows, n);
        FloatMatrix fisher = gaussian(seed, "f", rows, n);
        for (int i = 0; i < rows * n; i++) {
            float f = fisher.get(i / n, i % n);
            fisher.set(i / n, i % n, f * f);
        }
        Importance importance = plain ? Importance.uniform() : Importance.diagonal(fisher);
        WeightedObjective objective = new WeightedObjective(weights, importance, SERIAL);
        Sketch sketch = Sketch.empty(rows, n, 1, 8);
        SketchLearner.learn(objective, sketch, 0);
        Sketch improved = sketch.copy();
        SketchLearner.solve(objective, improved);
        double before = objective.descend(sketch);
        assertThat(objective.descend(improved)).isCloseTo(before, within(1e-6 * before + 1e-9));
    }
}
