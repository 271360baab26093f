package dev.lowbit.lqlora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.ExactSvd;
import dev.lowbit.linalg.LinearMap;
import dev.lowbit.linalg.LowRank;
import dev.lowbit.linalg.Norms;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.linalg.RandomizedSvd;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.block.BlockMatrix;
import dev.lowbit.matrix.block.BlockQuantizer;
import dev.lowbit.matrix.sum.FactorFormat;
import dev.lowbit.tensor.FloatMatrix;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every decompose_* file of the golden data, with the tolerances of its README. */
class DecompositionGoldenTest {
    private static final double[] FIRST_ERRORS = {2e-4, 1e-3, 1e-2, 1e-2, 1e-2};
    private static final LowRankMethod EXACT = new LowRankMethod.Exact();

    static List<Path> files() {
        return Golden.files("decompose_");
    }

    private static double max(float[] values) {
        double max = Double.NEGATIVE_INFINITY;
        for (float value : values) {
            max = Math.max(max, value);
        }
        return max;
    }

    private static FisherHeuristic heuristic(String name) {
        return switch (name) {
            case "none" -> FisherHeuristic.NONE;
            case "row" -> FisherHeuristic.ROW;
            case "col" -> FisherHeuristic.COLUMN;
            default -> FisherHeuristic.TWO_SIDED;
        };
    }

    private static Importance importance(Golden golden, String heuristic) {
        return heuristic.equals("plain") ? Importance.uniform() : Importance.diagonal(golden.matrix("fisher"));
    }

    private static Decomposition run(Golden golden, String heuristic, LqSettings settings) {
        return LqDecomposer.decompose(
                golden.toString(),
                golden.matrix("input"),
                importance(golden, heuristic),
                settings.with(heuristic(heuristic)),
                1,
                Workers.serial());
    }

    @ParameterizedTest
    @MethodSource("files")
    void theFirstFiveErrorsWithAnExactSvd(Path file) {
        try (Golden golden = Golden.open(file)) {
            int compared = 0;
            for (Map.Entry<String, BlockFormat> format :
                    Golden.formats(golden.names()).entrySet()) {
                for (String heuristic : List.of("plain", "none", "row", "col", "two-sided")) {
                    String key = format.getKey() + "." + heuristic + ".exact.errors";
                    if (!golden.has(key)) {
                        continue;
                    }
                    compared++;
                    float[] expected = golden.floats(key);
                    LqSettings settings = LqSettings.paper(format.getValue(), (int) golden.meta("rank"))
                            .with(EXACT)
                            .with(new Stopping.WhenRising(FIRST_ERRORS.length));
                    double[] errors = run(golden, heuristic, settings).errors();
                    for (int i = 0; i < Math.min(errors.length, expected.length); i++) {
                        assertThat(errors[i])
                                .as("%s %s iteration %d", file.getFileName(), key, i + 1)
                                .isCloseTo(expected[i], within(FIRST_ERRORS[i] * expected[i]));
                    }
                }
            }
            assertThat(compared).isPositive();
        }
    }

    @ParameterizedTest
    @MethodSource("files")
    void theBestErrorOfThePaperMethodAndOfOurs(Path file) {
        try (Golden golden = Golden.open(file)) {
            int rank = (int) golden.meta("rank");
            int compared = 0;
            for (Map.Entry<String, BlockFormat> format :
                    Golden.formats(golden.names()).entrySet()) {
                for (String heuristic : List.of("plain", "none", "row", "col", "two-sided")) {
                    String key = format.getKey() + "." + heuristic + ".randomized.best_error_9seeds";
                    if (!golden.has(key)) {
                        continue;
                    }
                    compared++;
                    double worstSeed = max(golden.floats(key));
                    double quantOnly = golden.meta(format.getKey() + ".quant_only."
                            + (heuristic.equals("plain") ? "error" : "weighted_error"));
                    // One rising error is noise where the sketch is random: wait for ten without any gain.
                    LqSettings paper = LqSettings.paper(format.getValue(), rank).with(new Stopping.Patient(100, 10, 0));
                    LqSettings ours = LqSettings.fast(format.getValue(), rank, FactorFormat.F32, 100);
                    for (LqSettings settings : List.of(paper, ours)) {
                        Decomposition result = run(golden, heuristic, settings);
                        assertThat(result.bestError())
                                .as("%s %s %s", file.getFileName(), key, settings.method())
                                .isLessThanOrEqualTo(1.01 * worstSeed)
                                .isLessThan(quantOnly);
                        for (double error : result.errors()) {
                            assertThat(result.bestError()).isLessThanOrEqualTo(error);
                        }
                    }
                }
            }
            assertThat(compared).isPositive();
        }
    }

    @ParameterizedTest
    @MethodSource("files")
    void theCodesAfterTheFirstIteration(Path file) {
        try (Golden golden = Golden.open(file)) {
            int compared = 0;
            for (Map.Entry<String, BlockFormat> format :
                    Golden.formats(golden.names()).entrySet()) {
                for (String heuristic : List.of("plain", "two-sided")) {
                    String key = format.getKey() + "." + heuristic + ".exact.iter1_codes";
                    if (!golden.has(key)) {
                        continue;
                    }
                    compared++;
                    LqSettings settings = LqSettings.paper(format.getValue(), (int) golden.meta("rank"))
                            .with(EXACT)
                            .with(new Stopping.WhenRising(1));
                    FloatMatrix rest = golden.matrix("input");
                    try (LowRank low =
                            run(golden, heuristic, settings).lowRank(rest.rows(), rest.columns(), Workers.serial())) {
                        low.subtractFrom(rest, Workers.serial());
                    }
                    BlockMatrix q = BlockQuantizer.quantize(rest, format.getValue(), Workers.serial());
                    byte[] expected = golden.bytes(key);
                    long different = IntStream.range(0, expected.length)
                            .filter(i -> q.code(i / rest.columns(), i % rest.columns()) != expected[i])
                            .count();
                    assertThat(different)
                            .as("%s %s", file.getFileName(), key)
                            .isLessThanOrEqualTo(expected.length * 5L / 10000);
                }
            }
            assertThat(compared).isPositive();
        }
    }

    @ParameterizedTest
    @MethodSource("files")
    void singularValuesAndPlainResiduals(Path file) {
        try (Golden golden = Golden.open(file)) {
            FloatMatrix input = golden.matrix("input");
            ExactSvd svd = ExactSvd.of(input);
            float[] expected = golden.floats("singular_values");
            double[] values = svd.singularValues();
            for (int i = 0; i < expected.length; i++) {
                assertThat(values[i]).isCloseTo(expected[i], within(1e-5 * expected[0]));
            }
            int rank = (int) golden.meta("rank");
            for (int r : new int[] {rank, 2 * rank}) {
                double residual = golden.meta("svd.rank" + r + ".residual_fro");
                assertThat(svd.residual(r)).isCloseTo(residual, within(1e-4 * residual));
            }
            double worstSeed = max(golden.floats("rsvd.rank" + rank + ".residual_fro_9seeds"));
            try (LowRank low = LowRank.allocate(input.rows(), input.columns(), rank)) {
                RandomStream stream =
                        RandomStream.of(5, "golden", file.getFileName().toString());
                RandomizedSvd.of(LinearMap.of(input), low, 10, 2, stream, Workers.serial());
                low.subtractFrom(input, Workers.serial());
                assertThat(Norms.frobenius(input, Workers.serial())).isLessThanOrEqualTo(1.02 * worstSeed);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("files")
    void weightedResidualsOfEveryHeuristic(Path file) {
        try (Golden golden = Golden.open(file)) {
            int rank = (int) golden.meta("rank");
            FloatMatrix fisher = golden.matrix("fisher");
            for (String heuristic : List.of("none", "row", "col", "two-sided")) {
                for (int r : new int[] {rank, 2 * rank}) {
                    FloatMatrix rest = golden.matrix("input");
                    try (LowRank low = weighted(golden, rest, fisher, heuristic, r)) {
                        String key = String.format(Locale.ROOT, "wsvd.%s.rank%d.", heuristic, r);
                        compareProduct(golden, key + "product", low);
                        low.subtractFrom(rest, Workers.serial());
                        FloatMatrix zero = FloatMatrix.wrap(rest.rows(), rest.columns(), new float[(int) rest.size()]);
                        double plain = Norms.frobenius(rest, Workers.serial());
                        double cost = Math.sqrt(Norms.weightedSquaredDifference(rest, zero, fisher, Workers.serial()));
                        assertThat(plain).as(key).isCloseTo(golden.meta(key + "residual_fro"), within(1e-3 * plain));
                        assertThat(cost)
                                .as(key)
                                .isCloseTo(golden.meta(key + "weighted_residual_fro"), within(1e-3 * cost));
                    }
                }
            }
        }
    }

    private static LowRank weighted(Golden golden, FloatMatrix w, FloatMatrix fisher, String heuristic, int rank) {
        FisherWeights weights = FisherWeights.of(Importance.diagonal(fisher), heuristic(heuristic))
                .orElse(null);
        LowRank low = LowRank.allocate(w.rows(), w.columns(), rank);
        try (LowRank none = LowRank.allocate(w.rows(), w.columns(), 0);
                LowRankSolver solver = LowRankSolver.of(EXACT, w.rows(), w.columns(), rank, null)) {
            solver.approximate(new ResidualMap(w, none, 1, weights), low, Workers.serial());
        }
        if (weights != null) {
            weights.removeFrom(low);
        }
        return low;
    }

    private static void compareProduct(Golden golden, String key, LowRank low) {
        if (!golden.has(key)) {
            return;
        }
        FloatMatrix expected = golden.matrix(key);
        float tolerance = 1e-3f * Norms.absMax(expected);
        try (FloatMatrix product = FloatMatrix.allocate(expected.rows(), expected.columns())) {
            low.expand(product, Workers.serial());
            for (int i = 0; i < expected.rows(); i++) {
                for (int j = 0; j < expected.columns(); j++) {
                    assertThat(product.get(i, j)).isCloseTo(expected.get(i, j), within(tolerance));
                }
            }
        }
    }
}
