package dev.lowbit.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.GoldenFile;
import dev.lowbit.SharedData;
import dev.lowbit.tensor.FloatMatrix;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Trajectories {@code adam[_b0][_wd]} of the reference optimizer: β 0.9 (b0: 0) and 0.95, learning rate 1e-2, ε 1e-6, decay 0 (wd: 0.1);
 * tolerance of the golden data's README.
 */
class AdamGoldenTest {
    record Case(Path file, String name) {
        @Override
        public String toString() {
            return file.getFileName() + " " + name;
        }
    }

    static List<Case> cases() {
        List<Case> cases = new ArrayList<>();
        for (Path file : SharedData.files("golden/pv-tuning", "optimizer", ".safetensors")) {
            try (GoldenFile golden = new GoldenFile(file)) {
                golden.names().stream()
                        .filter(name -> name.matches("adam(_.*)?"))
                        .forEach(name -> cases.add(new Case(file, name)));
            }
        }
        return cases;
    }

    private static Adam.Settings settings(String name) {
        List<String> words = List.of(name.split("_"));
        return new Adam.Settings(words.contains("b0") ? 0 : 0.9, 0.95, 1e-6, words.contains("wd") ? 0.1 : 0);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void trajectory(Case c) {
        try (GoldenFile golden = new GoldenFile(c.file());
                Adam adam = new Adam(settings(c.name()))) {
            float[] start = golden.floats("param0");
            float[] gradients = golden.floats("grads");
            float[] expected = golden.floats(c.name());
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
