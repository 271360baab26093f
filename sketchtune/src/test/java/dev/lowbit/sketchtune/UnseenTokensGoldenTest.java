package dev.lowbit.sketchtune;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.GoldenFile;
import dev.lowbit.SharedData;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Learned from the first three quarters of the golden inputs, measured on the rest, beside the original's recipe. */
class UnseenTokensGoldenTest {
    private static final Workers SERIAL = Workers.serial();

    static Stream<Arguments> cases() {
        return SharedData.files("golden/sketchtune", "sketch_", ".safetensors").stream()
                .flatMap(path -> Stream.of(2, 3, 4).map(bits -> Arguments.of(path, bits)));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void ourErrorIsNeverAboveTheOriginals(Path path, int bits) {
        try (GoldenFile file = new GoldenFile(path)) {
            FloatMatrix weights = file.matrix("W");
            FloatMatrix inputs = file.matrix("X");
            int seen = inputs.rows() * 3 / 4;
            FloatMatrix unseen = inputs.rows(seen, inputs.rows() - seen);
            double published = error(weights, inputs.rows(0, seen), unseen, SketchSettings.published(bits));
            double ours = error(weights, inputs.rows(0, seen), unseen, SketchSettings.of(bits, 1));
            System.out.printf(
                    "%s, %d bits: %.3f of the original's error on unseen tokens%n",
                    path.getFileName(), bits, ours / published);
            // by how much it is below depends on the data
            assertThat(ours).isLessThanOrEqualTo(published);
        }
    }

    private static double error(FloatMatrix weights, FloatMatrix seen, FloatMatrix unseen, SketchSettings settings) {
        return LayerSketcher.sketch(weights, seen, settings, SERIAL).error(weights, unseen, SERIAL);
    }
}
