package dev.lowbit.pvtuning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.GoldenFile;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ResidualInitGoldenTest {
    static List<Path> files() {
        return Golden.files("init");
    }

    @ParameterizedTest
    @MethodSource("files")
    void startsAsWellAsTheOriginal(Path path) {
        try (GoldenFile file = new GoldenFile(path)) {
            assertThat(file.prefixes("codes")).isNotEmpty();
            for (String name : file.prefixes("codes")) {
                try (GoldenFile layer = new GoldenFile(Golden.layer(path, name))) {
                    double[] weights = layer.numbers("W");
                    AdditiveWeights stored = Golden.weights(file, name);
                    double[] errors = new double[5];
                    for (int seed = 0; seed < errors.length; seed++) {
                        AdditiveWeights own = ResidualInit.ORIGINAL.of(
                                weights,
                                stored.tiling(),
                                stored.codebooks(),
                                stored.entries(),
                                RandomStream.of(seed, "init", name),
                                Workers.serial());
                        assertThat(own.scales()).as(name).containsExactly(stored.scales(), within(1e-6));
                        double[] decoded = own.decode();
                        for (int i = 0; i < decoded.length; i++) {
                            errors[seed] += (decoded[i] - weights[i]) * (decoded[i] - weights[i]);
                        }
                    }
                    Arrays.sort(errors);
                    assertThat(errors[2]).as(name).isLessThanOrEqualTo(file.numbers(name + ".loss_I")[0] * 1.01);
                }
            }
        }
    }
}
