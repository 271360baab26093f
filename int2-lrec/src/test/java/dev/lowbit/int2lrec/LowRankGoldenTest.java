package dev.lowbit.int2lrec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.GoldenFile;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.tensor.FloatMatrix;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The closed form against a float64 reference: errors, products, spectra, for every residual and rank of the files. */
class LowRankGoldenTest {
    /** Of the error without a correction: what is left at full rank is rounding alone. */
    private static final double ZERO = 1e-9;

    /** Of what a residual that no side makes small may leave beyond the optimum, see {@link LowRankCorrection}. */
    private static final double SEARCHED = 0.01;

    private static boolean isExact(FloatMatrix residual) {
        return Math.min(residual.rows(), residual.columns()) <= ResidualSubspace.SMALL;
    }

    static List<Path> files() {
        return Golden.files("lowrank_");
    }

    @ParameterizedTest
    @MethodSource("files")
    void closedForm(Path path) {
        try (GoldenFile file = new GoldenFile(path);
                GoldenFile layer = new GoldenFile(Golden.sibling(path, "gptq"))) {
            SecondMoment moment = SecondMoment.of(layer.matrix("X"), 1, Workers.serial());
            List<String> residuals = Golden.cases(file, "", "err_base");
            assertThat(residuals).isNotEmpty();
            for (String name : residuals) {
                FloatMatrix residual = residual(layer, name);
                double base = Golden.number(file, name + "/err_base");
                assertThat(LayerError.of(residual, moment, Workers.serial())).isCloseTo(base, within(1e-5 * base));
                spectra(file, name, residual, moment);
                String prefix = name + "/err_opt_r";
                List<Integer> ranks = file.names().stream()
                        .filter(tensor -> tensor.startsWith(prefix))
                        .map(tensor -> Integer.parseInt(tensor.substring(prefix.length())))
                        .sorted()
                        .toList();
                assertThat(ranks).isNotEmpty();
                for (int rank : ranks) {
                    errorsAndProduct(file, name, rank, residual, moment);
                }
            }
        }
    }

    /** The residual that a name such as {@code gptq_b2_g64} stands for, from stored codes where there are any. */
    private static FloatMatrix residual(GoldenFile layer, String name) {
        FloatMatrix weights = layer.matrix("W");
        String full = name.startsWith("gptq") ? name + "_act0_static0" : name;
        Golden.Case setting = Golden.Case.parse(full);
        AffineCodes codes = layer.has(full + "/codes")
                ? Golden.codes(layer, full + "/", weights, setting.grid().bits(), setting.groupSize())
                : RoundToNearest.quantize(weights, setting.groupSize(), setting.grid(), Workers.serial());
        FloatMatrix residual = FloatMatrix.allocate(weights.rows(), weights.columns());
        codes.residual(weights, residual, Workers.serial());
        return residual;
    }

    private static RandomStream stream() {
        return RandomStream.of(1, "test", "lowrank");
    }

    private static void spectra(GoldenFile file, String name, FloatMatrix residual, SecondMoment moment) {
        for (boolean weighted : new boolean[] {true, false}) {
            double[] values = Golden.doubles(file, name + (weighted ? "/sv_weighted" : "/sv_plain"));
            int[] ranks = {0, 1, values.length / 2};
            double share = isExact(residual) ? 1e-5 : SEARCHED;
            LowRankSettings settings = (weighted ? LowRankSettings.weighted(0) : LowRankSettings.plain(0)).damping(0);
            double[] left =
                    LowRankCorrection.remaining(residual, moment, null, ranks, settings, stream(), Workers.serial());
            for (int i = 0; i < ranks.length; i++) {
                double expected = 0;
                double total = Arrays.stream(values).map(v -> v * v).sum();
                for (int k = values.length - 1; k >= ranks[i]; k--) {
                    expected += values[k] * values[k];
                }
                assertThat(left[i])
                        .as("%s rank %d", name, ranks[i])
                        .isCloseTo(expected, within(share * expected + ZERO * total));
            }
        }
    }

    private static void errorsAndProduct(
            GoldenFile file, String name, int rank, FloatMatrix residual, SecondMoment moment) {
        try (LowRankCorrection weighted =
                        correct(residual, moment, LowRankSettings.weighted(rank).damping(0));
                LowRankCorrection plain = correct(residual, moment, LowRankSettings.plain(rank))) {
            double optimum = Golden.number(file, name + "/err_opt_r" + rank);
            double achieved = Golden.number(file, name + "/err_weighted_r" + rank);
            double plainError = Golden.number(file, name + "/err_plain_r" + rank);
            double zero = ZERO * Golden.number(file, name + "/err_base");
            if (!isExact(residual)) {
                // what is found instead of near equal directions is as good, but not the same
                assertThat(weighted.error())
                        .as("%s rank %d", name, rank)
                        .isBetween((1 - 1e-5) * optimum - zero, (1 + SEARCHED) * optimum + zero);
                return;
            }
            assertThat(weighted.optimum()).as(name).isCloseTo(optimum, within(1e-5 * optimum + zero));
            assertThat(weighted.error()).as(name).isCloseTo(achieved, within(1e-5 * achieved + zero));
            assertThat(plain.error()).as(name).isCloseTo(plainError, within(1e-5 * plainError + zero));
            float[] expected = file.floats(name + "/BA_weighted_r" + rank);
            FloatMatrix product = FloatMatrix.allocate(residual.rows(), residual.columns());
            weighted.factors().expand(product, Workers.serial());
            float largest = 0;
            for (float value : expected) {
                largest = Math.max(largest, Math.abs(value));
            }
            assertThat(product.toArray())
                    .as("%s rank %d", name, rank)
                    .containsExactly(expected, within(1e-3f * largest));
        }
    }

    private static LowRankCorrection correct(FloatMatrix residual, SecondMoment moment, LowRankSettings settings) {
        return LowRankCorrection.of(residual, moment, null, settings, stream(), Workers.serial());
    }
}
