package dev.lowbit.pvtuning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.GoldenFile;
import dev.lowbit.kernel.Workers;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class AdditiveWeightsGoldenTest {
    static List<Path> decoded() {
        return Golden.files("dequant");
    }

    static List<Path> starts() {
        return Golden.files("init");
    }

    @ParameterizedTest
    @MethodSource("decoded")
    void decodesAsTheOriginal(Path path) {
        try (GoldenFile file = new GoldenFile(path)) {
            assertThat(file.prefixes("codes")).isNotEmpty();
            for (String name : file.prefixes("codes")) {
                assertThat(Golden.weights(file, name).decode())
                        .as(name)
                        .containsExactly(file.numbers(name + ".weight"), within(1e-6));
            }
        }
    }

    /** The layer is in the name: {@code <layer>_k<K>b<B>g<gi>[o<go>]}; the original decoded in float. */
    @ParameterizedTest
    @MethodSource("starts")
    void losesAsTheOriginal(Path path) {
        try (GoldenFile file = new GoldenFile(path)) {
            assertThat(file.prefixes("codes")).isNotEmpty();
            for (String name : file.prefixes("codes")) {
                try (GoldenFile problem = new GoldenFile(Golden.layer(path, name))) {
                    AdditiveWeights weights = Golden.weights(file, name);
                    double loss = new LayerState(Golden.problem(problem, Workers.serial()), weights).loss();
                    double expected = file.numbers(name + ".loss_H")[0];
                    assertThat(loss).as(name).isCloseTo(expected, within(1e-6 * expected));
                }
            }
        }
    }
}
