package dev.lowbit.int2lrec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.GoldenFile;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Codes, scales and zeros of the published round-to-nearest, and the layer errors they give. */
class RoundToNearestGoldenTest {
    static List<Path> files() {
        return Golden.files("gptq_");
    }

    @ParameterizedTest
    @MethodSource("files")
    void codesGridsAndErrors(Path path) {
        try (GoldenFile file = new GoldenFile(path)) {
            FloatMatrix weights = file.matrix("W");
            SecondMoment moment = SecondMoment.of(file.matrix("X"), 1, Workers.serial());
            List<String> cases = Golden.cases(file, "rtn_", "codes");
            assertThat(cases).isNotEmpty();
            for (String name : cases) {
                Golden.Case setting = Golden.Case.parse(name);
                AffineCodes ours =
                        RoundToNearest.quantize(weights, setting.groupSize(), setting.grid(), Workers.serial());
                AffineCodes theirs =
                        Golden.codes(file, name + "/", weights, setting.grid().bits(), setting.groupSize());
                double agreement = Golden.agreement(ours.codes(), theirs.codes());
                FloatMatrix difference = FloatMatrix.allocate(weights.rows(), weights.columns());
                ours.residual(weights, difference, Workers.serial());
                double error = LayerError.of(difference, moment, Workers.serial());
                double expected = Golden.number(file, name + "/layer_err");
                assertThat(agreement).as(name).isGreaterThanOrEqualTo(0.999);
                GptqGoldenTest.compareGrids(name, setting, ours, theirs);
                assertThat(error).as(name).isCloseTo(expected, within(2e-3 * expected));
            }
        }
    }

    static List<Path> packed() {
        return Golden.files("pack_");
    }

    /** Groups of one sign, whose zero points are the ends of the codes. */
    @ParameterizedTest
    @MethodSource("packed")
    void zeroPointsAtBothEnds(Path path) {
        try (GoldenFile file = new GoldenFile(path)) {
            FloatMatrix weights = file.matrix("W");
            List<String> cases = Golden.cases(file, "b", "codes");
            assertThat(cases).isNotEmpty();
            for (String name : cases) {
                int bits = Integer.parseInt(name.substring(1));
                int groups = file.matrix(name + "/scale").columns();
                int groupSize = Math.ceilDiv(weights.columns(), groups);
                AffineCodes theirs = Golden.codes(file, name + "/", weights, bits, groupSize);
                AffineCodes ours = RoundToNearest.quantize(weights, groupSize, AffineGrid.of(bits), Workers.serial());
                assertThat(ours.codes()).isEqualTo(theirs.codes());
                assertThat(ours.zeros()).isEqualTo(theirs.zeros());
            }
        }
    }
}
