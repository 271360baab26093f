package dev.lowbit.pvtuning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lowbit.GoldenFile;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gram;
import dev.lowbit.linalg.SymmetricEigen;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class LayerMomentGoldenTest {
    static List<Path> layers() {
        return Golden.files("layer_");
    }

    @ParameterizedTest
    @MethodSource("layers")
    void energies(Path path) {
        try (GoldenFile file = new GoldenFile(path)) {
            double energy = file.numbers("energy")[0];
            assertThat(Golden.problem(file, Workers.serial()).energy()).isCloseTo(energy, within(1e-12 * energy));
        }
    }

    @ParameterizedTest
    @MethodSource("layers")
    void leastAndLargestEigenvalue(Path path) {
        try (GoldenFile file = new GoldenFile(path)) {
            double[] expected = file.numbers("eig_minmax");
            double[] values = SymmetricEigen.of(
                            file.numbers("H"), file.shape("H").get(0).intValue())
                    .values();
            assertThat(Arrays.stream(values).min().orElseThrow())
                    .isCloseTo(expected[0], within(1e-6 * Math.abs(expected[0])));
            assertThat(Arrays.stream(values).max().orElseThrow()).isCloseTo(expected[1], within(1e-6 * expected[1]));
        }
    }

    /** Layers that store X, cut as the original cut it and not at all. */
    @ParameterizedTest
    @MethodSource("layers")
    void momentsOfBatches(Path path) {
        try (GoldenFile file = new GoldenFile(path)) {
            assumeTrue(file.has("X"), "skipped: " + path.getFileName() + " has no inputs");
            FloatMatrix x = file.matrix("X");
            double[] cuts = file.numbers("batch_cuts");
            double[] expected = file.numbers("H64");
            assertClose(moment(x, cuts), expected);
            assertClose(moment(x, new double[] {0, x.rows()}), expected);
        }
    }

    private static double[] moment(FloatMatrix x, double[] cuts) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment gram = arena.allocate(ValueLayout.JAVA_DOUBLE, (long) x.columns() * x.columns());
            for (int i = 1; i < cuts.length; i++) {
                Gram.accumulate(x.rows((int) cuts[i - 1], (int) (cuts[i] - cuts[i - 1])), gram, Workers.serial());
            }
            double[] moment = gram.toArray(ValueLayout.JAVA_DOUBLE);
            for (int i = 0; i < moment.length; i++) {
                moment[i] /= x.rows();
            }
            return moment;
        }
    }

    private static void assertClose(double[] actual, double[] expected) {
        double most = 0;
        for (double value : expected) {
            most = Math.max(most, Math.abs(value));
        }
        assertThat(actual).containsExactly(expected, within(1e-12 * most));
    }
}
