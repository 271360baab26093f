package dev.lowbit.transformer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.kernel.Workers;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every gradient of every parameter kind against central differences of the double reference. */
class GradientsTest {
    /** Central differences with this step have an error of order step², here 1e-8, and rounding of 1e-16 / step. */
    private static final double STEP = 1e-4;

    /**
     * Relative to the largest gradient of the tensor: some 50 float operations in sequence (2^-24 each) through two blocks,
     * amplified by the norms' division; 1e-4 is ten times what is seen and a hundredth of any wrong term.
     */
    private static final double TOLERANCE = 1e-4;

    static Stream<SmallModels> models() {
        return Stream.of(
                new SmallModels(new ModelShape(12, 2, 4, 2, 6, 20, 17, 16), true, "silu", true, false, 1),
                new SmallModels(new ModelShape(8, 1, 3, 1, 4, 9, 11, 16), true, "silu", false, true, 2),
                new SmallModels(new ModelShape(12, 2, 3, 3, 4, 20, 17, 16), false, "gelu_new", true, true, 3),
                new SmallModels(new ModelShape(10, 1, 2, 2, 5, 14, 13, 16), false, "gelu", true, false, 4),
                new SmallModels(new ModelShape(8, 1, 2, 2, 4, 10, 9, 16), false, "relu", true, true, 5),
                new SmallModels(new ModelShape(12, 3, 3, 3, 4, 20, 17, 16), false, "gelu_new", true, true, 6)
                        .scoresScaled(true, true),
                new SmallModels(new ModelShape(12, 2, 3, 3, 4, 20, 17, 16), false, "gelu_new", true, true, 7)
                        .scoresScaled(false, false));
    }

    @ParameterizedTest
    @MethodSource("models")
    void agreeWithCentralDifferences(SmallModels small, @TempDir Path folder) {
        int[] ids = {1, 4, 2, 8, 5, 7, 1, 4};
        ReferenceDecoder reference = small.reference();
        try (Transformer model = small.load(folder);
                Workspace space = new Workspace();
                DenseGradients sink = new DenseGradients(model.shape(), name -> true)) {
            TokenBatch batch = TokenBatch.of(ids);
            double loss = model.backward(batch, CrossEntropy.nextToken(batch), sink, space, Workers.serial());
            // a logit has a float error of a few 1e-7, the mean of seven losses as well
            assertThat(loss).isCloseTo(reference.loss(ids), org.assertj.core.data.Offset.offset(5e-6));
            assertThat(sink.gradients().keySet()).isEqualTo(small.parameters.keySet());
            small.parameters.forEach((name, values) -> {
                float[] actual = sink.gradients().get(name).toArray();
                double[] expected = new double[values.length];
                double largest = 1e-3;
                for (int i = 0; i < values.length; i++) {
                    double old = values[i];
                    values[i] = old + STEP;
                    double above = reference.loss(ids);
                    values[i] = old - STEP;
                    double below = reference.loss(ids);
                    values[i] = old;
                    expected[i] = (above - below) / (2 * STEP);
                    largest = Math.max(largest, Math.abs(expected[i]));
                }
                for (int i = 0; i < values.length; i++) {
                    assertThat(Math.abs(actual[i] - expected[i]) / largest)
                            .as("%s[%d]: %s, expected %s", name, i, actual[i], expected[i])
                            .isLessThanOrEqualTo(TOLERANCE);
                }
            });
        }
    }
}
