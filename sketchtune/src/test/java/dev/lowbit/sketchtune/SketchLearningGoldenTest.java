package dev.lowbit.sketchtune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.GoldenFile;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Arrays;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Sketches of the original: its mode to the digit, ours against its objective. */
class SketchLearningGoldenTest {
    private static final Workers SERIAL = Workers.serial();

    static Stream<GoldenSketch> cases() {
        return GoldenSketch.all();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void orderAndColumnWeights(GoldenSketch c) {
        try (GoldenFile file = c.open();
                Curvature curvature = GoldenSketch.curvature(file, GoldenSketch.DAMPING, c.actOrder())) {
            if (c.actOrder()) {
                assertThat(curvature.order()).isEqualTo(file.ints("perm"));
            }
            double[] expected = c.numbers(file, "col_weight");
            double[] actual = curvature.columnWeights(c.exponent());
            for (int j = 0; j < expected.length; j++) {
                assertThat(actual[j]).isCloseTo(expected[j], within(1e-4 * expected[j]));
            }
        }
    }

    /** From equally spaced centres; the random ones of the other cases are the original library's. */
    static Stream<GoldenSketch> linearCases() {
        return GoldenSketch.all().filter(GoldenSketch::linear);
    }

    @ParameterizedTest
    @MethodSource("linearCases")
    void lloydModeIsTheOriginal(GoldenSketch c) {
        try (GoldenFile file = c.open();
                Curvature curvature = GoldenSketch.curvature(file, GoldenSketch.DAMPING, c.actOrder())) {
            FloatMatrix weights = GoldenSketch.weights(file, curvature);
            Sketch sketch = GoldenSketch.learn(weights, curvature, c.settings(SketchSettings.Start.LLOYD, 0));
            Sketch golden = c.sketch(file);
            double error = GoldenSketch.layerError(file.matrix("W"), file.matrix("X"), sketch);
            double expected = c.numbers(file, "layer_err")[0];
            int k = sketch.entries();
            long equalTables = IntStream.range(0, sketch.tables().length / k)
                    .filter(t -> IntStream.range(t * k, (t + 1) * k)
                            .allMatch(e -> Math.abs(sketch.tables()[e] - golden.tables()[e]) <= 1e-5))
                    .count();
            long tables = sketch.tables().length / k;
            long equalCodes = IntStream.range(0, sketch.codes().length)
                    .filter(i -> sketch.codes()[i] == golden.codes()[i])
                    .count();
            if (c.bits() <= 3 && c.groups() == 1) {
                assertThat(equalTables).isEqualTo(tables);
                assertThat(equalCodes).isGreaterThanOrEqualTo((long) Math.ceil(0.995 * sketch.codes().length));
                assertThat(error).isCloseTo(expected, within(5e-3 * expected));
            } else {
                // the order in which several empty centres move is the original library's own
                assertThat(equalTables).isGreaterThanOrEqualTo((tables + 1) / 2);
                assertThat(error).isLessThanOrEqualTo(1.05 * expected);
            }
        }
    }

    /** Σ a (distance of w to its nearest entry)² of every row, w as it came but for dead columns, a as the original rounded it. */
    private static double[] objectives(GoldenFile file, GoldenSketch c, Sketch sketch) {
        try (Curvature curvature = GoldenSketch.curvature(file, GoldenSketch.DAMPING, c.actOrder())) {
            double[] columnWeights = c.numbers(file, "col_weight");
            FloatMatrix weights = GoldenSketch.weights(file, curvature);
            int width = sketch.groupColumns();
            return IntStream.range(0, sketch.rows())
                    .mapToDouble(i -> IntStream.range(0, sketch.groups())
                            .mapToDouble(g -> {
                                int table = i * sketch.rowEntries() + g * sketch.entries();
                                return Clustering.objective(
                                        new Clustering.Points(
                                                weights.rows(i, 1).toArray(), columnWeights, g * width, width),
                                        Arrays.copyOfRange(sketch.tables(), table, table + sketch.entries()));
                            })
                            .sum())
                    .toArray();
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void exactModeReachesTheGlobalOptimum(GoldenSketch c) {
        try (GoldenFile file = c.open();
                Curvature curvature = GoldenSketch.curvature(file, GoldenSketch.DAMPING, c.actOrder())) {
            FloatMatrix weights = GoldenSketch.weights(file, curvature);
            Sketch sketch = GoldenSketch.learn(weights, curvature, c.settings(SketchSettings.Start.EXACT, 0));
            double[] optimum = c.numbers(file, "kmeans_opt_rows");
            double[] original = c.numbers(file, "kmeans_obj_rows");
            double[] actual = objectives(file, c, sketch);
            double[] ofZeros = objectives(
                    file, c, Sketch.empty(sketch.rows(), sketch.columns(), sketch.groups(), sketch.entries()));
            for (int i = 0; i < actual.length; i++) {
                // tables of column weights that differ by 1e-7 from the original's: to second order the same objective;
                // of a row with no more values than entries only rounding is left
                double rounding = 1e-12 * ofZeros[i];
                assertThat(actual[i]).isCloseTo(optimum[i], within(1e-6 * optimum[i] + rounding));
                assertThat(actual[i]).isLessThanOrEqualTo(original[i] * (1 + 1e-6) + rounding);
            }
            double error = GoldenSketch.layerError(file.matrix("W"), file.matrix("X"), sketch);
            assertThat(error).isLessThanOrEqualTo(1.02 * c.numbers(file, "layer_err")[0]);
        }
    }

    /** ½ Σ E² of the sweep is half of tr (W - Ŵ)(H + λ)(W - Ŵ)ᵀ, dead columns with 1 on the diagonal. */
    @ParameterizedTest
    @MethodSource("cases")
    void theSweepKnowsItsError(GoldenSketch c) {
        try (GoldenFile file = c.open();
                Curvature curvature = GoldenSketch.curvature(file, GoldenSketch.DAMPING, c.actOrder())) {
            FloatMatrix weights = GoldenSketch.weights(file, curvature);
            Sketch sketch = c.sketch(file);
            double swept = MappingSweep.apply(weights, curvature, sketch, SERIAL) / 2;
            assertThat(swept).isCloseTo(c.numbers(file, "sweep_err")[0], within(5e-3 * swept));
            FloatMatrix h = file.matrix("H");
            double error = 0;
            double plain = 0;
            double ofDead = 0;
            for (int i = 0; i < sketch.rows(); i++) {
                for (int j = 0; j < sketch.columns(); j++) {
                    double d = weights.get(i, j) - sketch.weight(i, j);
                    plain += d * d;
                    ofDead += curvature.isDead(j) ? d * d : 0;
                    for (int l = 0; l < sketch.columns(); l++) {
                        error += d * h.get(j, l) * (weights.get(i, l) - sketch.weight(i, l));
                    }
                }
            }
            double expected = (error + curvature.lambda() * plain + ofDead) / 2;
            assertThat(swept).isCloseTo(expected, within(1e-5 * expected));
        }
    }

    /** The tables for the original's codes, without damping. */
    @ParameterizedTest
    @MethodSource("cases")
    void solvedTablesReachTheLeastSquares(GoldenSketch c) {
        try (GoldenFile file = c.open()) {
            Sketch sketch = c.sketch(file);
            FloatMatrix weights = file.matrix("W");
            double before = GoldenSketch.layerError(weights, file.matrix("X"), sketch);
            FloatMatrix plain = file.matrix("H");
            FloatMatrix products =
                    FloatMatrix.wrap(weights.rows(), weights.columns(), new float[Math.toIntExact(weights.size())]);
            Gemm.multiply(weights, false, plain, false, products, Gemm.Mode.SET, SERIAL);
            NormalEquations.forEachRow(
                    products,
                    plain,
                    sketch,
                    (row, equations) -> equations.solve(sketch.tables(), row * sketch.rowEntries()),
                    SERIAL);
            double error = GoldenSketch.layerError(weights, file.matrix("X"), sketch);
            double expected = c.numbers(file, "refit_err")[0];
            assertThat(error).isLessThanOrEqualTo(before).isCloseTo(expected, within(1e-4 * expected));
            if (file.has(c.name() + "/refit_grid")) {
                double[] tables = c.numbers(file, "refit_grid");
                double largest = Arrays.stream(tables).map(Math::abs).max().orElseThrow();
                boolean[] determined = determined(sketch, plain);
                for (int e = 0; e < tables.length; e++) {
                    if (determined[e]) {
                        assertThat(sketch.tables()[e]).as("entry %d", e).isCloseTo(tables[e], within(1e-3 * largest));
                    }
                }
            }
        }
    }

    /** Entries that the code of some column with inputs means; any value is a solution for the others. */
    private static boolean[] determined(Sketch sketch, FloatMatrix hessian) {
        boolean[] determined = new boolean[sketch.tables().length];
        for (int i = 0; i < sketch.rows(); i++) {
            for (int j = 0; j < sketch.columns(); j++) {
                int group = j / sketch.groupColumns();
                int code = sketch.codes()[i * sketch.columns() + j];
                determined[i * sketch.rowEntries() + group * sketch.entries() + code] |= hessian.get(j, j) > 0;
            }
        }
        return determined;
    }
}
