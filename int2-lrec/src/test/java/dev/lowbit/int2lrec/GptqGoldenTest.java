package dev.lowbit.int2lrec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.GoldenFile;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The published GPTQ: Hessian, order of columns, codes, grids and both errors of every case. */
class GptqGoldenTest {
    static List<Path> files() {
        return Golden.files("gptq_");
    }

    @ParameterizedTest
    @MethodSource("files")
    void hessianAndOrder(Path path) {
        try (GoldenFile file = new GoldenFile(path)) {
            SecondMoment moment = SecondMoment.of(file.matrix("X"), 1, Workers.serial());
            float[] hessian = file.floats("H");
            float largest = 0;
            for (float value : hessian) {
                largest = Math.max(largest, Math.abs(value));
            }
            for (int i = 0; i < hessian.length; i++) {
                assertThat(2 * moment.values()[i]).isCloseTo(hessian[i], within(1e-5 * largest));
            }
            // columns of equal curvature may change places
            int[] order = SweepFactor.of(moment, true, 0.01, Workers.serial()).order();
            int[] expected = file.ints("perm");
            assertThat(order).containsExactlyInAnyOrder(expected);
            for (int i = 0; i < expected.length; i++) {
                assertThat(hessian[order[i] * (expected.length + 1)])
                        .as("column %d", i)
                        .isCloseTo(hessian[expected[i] * (expected.length + 1)], within(1e-5f * largest));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("files")
    void codesGridsAndErrors(Path path) {
        try (GoldenFile file = new GoldenFile(path)) {
            FloatMatrix weights = file.matrix("W");
            SecondMoment moment = SecondMoment.of(file.matrix("X"), 1, Workers.serial());
            List<String> cases = Golden.cases(file, "gptq_", "codes");
            assertThat(cases).isNotEmpty();
            for (String name : cases) {
                Golden.Case setting = Golden.Case.parse(name);
                GptqResult ours = Gptq.quantize(weights, moment, setting.settings(), Workers.serial());
                AffineCodes theirs =
                        Golden.codes(file, name + "/", weights, setting.grid().bits(), setting.groupSize());
                double share = setting.symmetric() ? 0.01 : 0.002;
                double agreement = Golden.agreement(ours.codes().codes(), theirs.codes());
                System.out.printf("%s %s: %.3f %% of codes equal%n", path.getFileName(), name, 100 * agreement);
                assertThat(agreement).as(name).isGreaterThanOrEqualTo(0.99);
                for (int j = 0; j < weights.columns(); j++) {
                    assertThat(ours.codes().group(j))
                            .as("%s column %d", name, j)
                            .isEqualTo(theirs.group(j));
                }
                compareGrids(name, setting, ours.codes(), theirs);
                for (String run : List.of("layer_err", "layer_err_f64run")) {
                    double expected = Golden.number(file, name + "/" + run);
                    assertThat(ours.layerError()).as("%s %s", name, run).isCloseTo(expected, within(share * expected));
                }
                double expected = Golden.number(file, name + "/gptq_err");
                assertThat(ours.gptqError()).as(name).isCloseTo(expected, within(share * expected));
                assertThat(ours.damping()).isEqualTo(0.01);
            }
        }
    }

    /** Grids fitted beforehand must be equal; those fitted on the way or by search, where all codes of the row agree. */
    static void compareGrids(String name, Golden.Case setting, AffineCodes ours, AffineCodes theirs) {
        boolean before = (setting.groupSize() == 0 || setting.staticGroups())
                && !setting.grid().search();
        int columns = ours.columns();
        int groups = ours.groups();
        for (int i = 0; i < ours.rows(); i++) {
            int from = i * columns;
            if (before || Arrays.equals(ours.codes(), from, from + columns, theirs.codes(), from, from + columns)) {
                for (int at = i * groups; at < (i + 1) * groups; at++) {
                    assertThat(ours.zeros()[at]).as("%s zero %d", name, at).isEqualTo(theirs.zeros()[at]);
                    float tolerance = (before ? 1e-6f : 1e-5f) * theirs.scales()[at];
                    assertThat(ours.scales()[at])
                            .as("%s scale %d", name, at)
                            .isCloseTo(theirs.scales()[at], within(tolerance));
                }
            }
        }
    }
}
