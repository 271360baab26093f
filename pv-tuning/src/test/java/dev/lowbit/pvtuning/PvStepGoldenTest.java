package dev.lowbit.pvtuning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.GoldenFile;
import dev.lowbit.kernel.Workers;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Runs named {@code <config>.<method>.<steps>} on L / O; those whose codes are stored can be followed exactly. */
class PvStepGoldenTest {
    static List<Path> files() {
        return Golden.files("pv_steps");
    }

    @ParameterizedTest
    @MethodSource("files")
    void stepsAsTheOriginal(Path path) {
        try (GoldenFile file = new GoldenFile(path)) {
            assertThat(file.prefixes("codes")).isNotEmpty();
            for (String name : file.prefixes("codes")) {
                check(path, file, name, path.getFileName().toString().contains("20") ? 1e-6 : 1e-5);
            }
        }
    }

    private static void check(Path path, GoldenFile file, String name, double traceTolerance) {
        PvRun run = PvRun.of(name);
        LayerCase layer = LayerCase.of(path, run.configuration());
        AdditiveWeights weights = layer.start();
        int[] order = file.has(name + ".codebook_order") ? file.ints(name + ".codebook_order") : Draws.upTo(1);
        PvStep pv = new PvStep(weights, run.settings(), null, Workers.serial());
        double[] trace = file.numbers(name + ".loss_trace");
        int[] changed = file.ints(name + ".changed_groups");
        for (int step = 0; step < run.steps(); step++) {
            String when = name + " step " + step;
            assertThat(layer.loss(weights)).as(when).isCloseTo(trace[step], within(traceTolerance * trace[step]));
            assertThat(pv.step(layer.gradient(weights), order)).as(when).isEqualTo(changed[step]);
        }
        double last = trace[run.steps()];
        assertThat(layer.loss(weights)).as(name).isCloseTo(last, within(traceTolerance * last));
        assertThat(weights.codes()).as(name).isEqualTo(Golden.codes(file, name + ".codes"));
        assertClose(name, weights.codewords(), file.numbers(name + ".codebooks"));
        assertClose(name, weights.scales(), file.numbers(name + ".scales"));
        if (file.has(name + ".buffer")) {
            assertClose(name, pv.target(), file.numbers(name + ".buffer"));
        }
    }

    private static void assertClose(String name, double[] actual, double[] expected) {
        assertThat(actual).as(name).containsExactly(expected, within(1e-5));
    }

    /** So that a method that is added to the data is not silently taken for another. */
    static Stream<String> methods() {
        return files().stream().flatMap(path -> {
            try (GoldenFile file = new GoldenFile(path)) {
                return file.prefixes("loss_trace").stream().toList().stream();
            }
        });
    }

    @ParameterizedTest
    @MethodSource("methods")
    void everyNameIsAMethod(String name) {
        PvRun run = PvRun.of(name);
        assertThat(run.settings()).isNotNull();
        assertThat(run.steps()).isPositive();
    }
}
