package dev.lowbit.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.GoldenFile;
import dev.lowbit.SharedData;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Trajectories of the reference optimizer: learning rate 1e-2, ε 1e-6; tolerance of the golden data's README. */
class AdamGoldenTest {
    @ParameterizedTest
    @CsvSource({"adam, 0.9, 0", "adam_b0, 0, 0"})
    void trajectory(String name, double beta1, double decay) {
        try (GoldenFile golden = new GoldenFile(SharedData.files("golden/pv-tuning", "optimizer", ".safetensors")
                        .getFirst());
                Adam adam = new Adam(new Adam.Settings(beta1, 0.95, 1e-6, decay))) {
            float[] start = golden.floats("param0");
            float[] gradients = golden.floats("grads");
            float[] expected = golden.floats(name);
            FloatMatrix values = FloatMatrix.wrap(1, start.length, start);
            for (int step = 0; step < gradients.length / start.length; step++) {
                int from = step * start.length;
                float[] gradient = Arrays.copyOfRange(gradients, from, from + start.length);
                adam.step("p", values, FloatMatrix.wrap(1, gradient.length, gradient), 1e-2);
                for (int i = 0; i < start.length; i++) {
                    assertThat(values.get(0, i)).as("step %d", step).isCloseTo(expected[from + i], within(2e-5f));
                }
            }
        }
    }
}
