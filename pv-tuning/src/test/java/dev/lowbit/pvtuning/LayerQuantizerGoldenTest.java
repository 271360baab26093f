package dev.lowbit.pvtuning;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.GoldenFile;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Whole layers, a run for each name {@code <layer>_k<K>b<B>g<gi>[o<go>]_beam<beam>_lr<rate>}; the rate is of the original's Adam. */
class LayerQuantizerGoldenTest {
    private static final Pattern RUN = Pattern.compile("[^_]+_k(\\d+)b(\\d+)g(\\d+)(?:o(\\d+))?_beam(\\d+)_lr.*");

    static Stream<Arguments> runs() {
        return Golden.files("full_layer").stream().flatMap(path -> {
            try (GoldenFile file = new GoldenFile(path)) {
                Set<String> names = file.prefixes("final_loss_5_seeds");
                assertThat(names).isNotEmpty();
                return Stream.of(names.toArray(String[]::new)).map(name -> Arguments.of(path, name));
            }
        });
    }

    @ParameterizedTest
    @MethodSource("runs")
    void losesNoMoreThanTheOriginal(Path path, String name) {
        Matcher run = RUN.matcher(name);
        assertThat(run.matches()).isTrue();
        try (GoldenFile file = new GoldenFile(path);
                GoldenFile layer = new GoldenFile(Golden.layer(path, name))) {
            LayerProblem problem = Golden.problem(layer, Workers.serial());
            Tiling tiling = new Tiling(
                    problem.rows(),
                    problem.columns(),
                    run.group(4) == null ? 1 : Integer.parseInt(run.group(4)),
                    Integer.parseInt(run.group(3)));
            LayerSettings settings = LayerSettings.of(
                    Integer.parseInt(run.group(1)),
                    1 << Integer.parseInt(run.group(2)),
                    Integer.parseInt(run.group(5)));
            double[] stored = file.numbers(name + ".final_loss_5_seeds");
            double[] losses = new double[stored.length];
            for (int seed = 0; seed < losses.length; seed++) {
                RandomStream stream = RandomStream.of(seed, "layer", name);
                losses[seed] = LayerQuantizer.quantize(problem, tiling, settings, stream)
                        .loss();
            }
            Arrays.sort(losses);
            int median = losses.length / 2;
            assertThat(losses[median]).isLessThanOrEqualTo(stored[median] * 1.01);
            assertThat(losses[losses.length - 1]).isLessThanOrEqualTo(stored[stored.length - 1] * 1.02);
        }
    }
}
