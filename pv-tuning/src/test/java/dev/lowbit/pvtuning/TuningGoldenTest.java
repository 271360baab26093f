package dev.lowbit.pvtuning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.GoldenFile;
import dev.lowbit.kernel.Workers;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Gradients of L / O and the original's Adam route, from the stored starts. */
class TuningGoldenTest {
    static Stream<Arguments> cases() {
        return Golden.files("adam_pstep").stream().flatMap(path -> {
            try (GoldenFile file = new GoldenFile(path)) {
                Set<String> names = file.prefixes("loss_per_out");
                assertThat(names).isNotEmpty();
                return Stream.of(names.toArray(String[]::new)).map(name -> Arguments.of(path, name));
            }
        });
    }

    private static LayerState start(Path path, String name) {
        try (GoldenFile starts = new GoldenFile(Golden.sibling(path, "init"));
                GoldenFile layer = new GoldenFile(Golden.layer(path, name))) {
            return new LayerState(Golden.problem(layer, Workers.serial()), Golden.weights(starts, name));
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void gradients(Path path, String name) {
        LayerState state = start(path, name);
        try (GoldenFile file = new GoldenFile(path)) {
            double loss = file.numbers(name + ".loss_per_out")[0];
            assertThat(state.loss() / state.problem().rows()).isCloseTo(loss, within(1e-10 * loss));
            ChainRule gradients = ChainRule.ofLossPerOutput(state);
            assertClose(gradients.codewords(), file.numbers(name + ".grad_codebooks"), 1e-10);
            assertClose(gradients.scales(), file.numbers(name + ".grad_scales"), 1e-10);
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void gradientsAreThoseOfDifferences(Path path, String name) {
        LayerState state = start(path, name);
        ChainRule gradients = ChainRule.ofLossPerOutput(state);
        double[] codewords = state.weights().codewords();
        double[] scales = state.weights().scales();
        double[] slopes = new double[8];
        double[] expected = new double[8];
        for (int i = 0; i < slopes.length; i++) {
            double[] of = i % 2 == 0 ? codewords : scales;
            int at = i * 7 % of.length;
            expected[i] = (i % 2 == 0 ? gradients.codewords() : gradients.scales())[at];
            slopes[i] = slope(state, of, at);
        }
        for (int i = 0; i < slopes.length; i++) {
            double most = Arrays.stream(i % 2 == 0 ? gradients.codewords() : gradients.scales())
                    .map(Math::abs)
                    .max()
                    .orElseThrow();
            assertThat(slopes[i]).isCloseTo(expected[i], within(1e-6 * most));
        }
    }

    private static double slope(LayerState state, double[] parameters, int at) {
        double value = parameters[at];
        double width = 1e-4;
        parameters[at] = value + width;
        double above = new LayerState(state.problem(), state.weights()).loss();
        parameters[at] = value - width;
        double below = new LayerState(state.problem(), state.weights()).loss();
        parameters[at] = value;
        return (above - below) / (2 * width * state.problem().rows());
    }

    @ParameterizedTest
    @MethodSource("cases")
    void adamRoute(Path path, String name) {
        LayerState state = start(path, name);
        try (GoldenFile file = new GoldenFile(path)) {
            double[] trace = file.numbers(name + ".loss_per_out_trace");
            AdamCodewords adam = new AdamCodewords(1e-3);
            for (int step = 0; step < trace.length; step++) {
                assertThat(state.loss() / state.problem().rows())
                        .as("before step " + step)
                        .isCloseTo(trace[step], within(1e-4 * trace[step]));
                String stored = name + ".step" + step;
                if (file.has(stored + ".scales")) {
                    double tolerance = step == 1 ? 1e-6 : 1e-4;
                    assertThat(state.weights().scales())
                            .containsExactly(file.numbers(stored + ".scales"), within(tolerance));
                    assertThat(state.weights().codewords())
                            .containsExactly(file.numbers(stored + ".codebooks"), within(tolerance));
                }
                adam.step(state);
            }
        }
    }

    private static void assertClose(double[] actual, double[] expected, double relative) {
        double most = Arrays.stream(expected).map(Math::abs).max().orElseThrow();
        assertThat(actual).containsExactly(expected, within(relative * most));
    }
}
