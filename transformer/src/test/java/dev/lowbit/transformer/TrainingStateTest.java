package dev.lowbit.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.tensor.FloatMatrix;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainingStateTest {
    @TempDir
    private Path folder;

    private static Map<String, FloatMatrix> parameters() {
        Map<String, FloatMatrix> all = new LinkedHashMap<>();
        all.put("b", FloatMatrix.wrap(3, 5, new float[15]));
        all.put("a", FloatMatrix.wrap(1, 7, new float[7]));
        all.put("natural", FloatMatrix.wrap(2, 4, new float[8]));
        all.put("never stepped", FloatMatrix.wrap(2, 2, new float[] {1, -0f, 3, 4}));
        return all;
    }

    /** Gradients that are different at every step. */
    private static void step(Map<String, FloatMatrix> parameters, Adam adam, int step) {
        for (String name : new String[] {"a", "b"}) {
            FloatMatrix values = parameters.get(name);
            FloatMatrix gradient =
                    FloatMatrix.wrap(values.rows(), values.columns(), new float[Math.toIntExact(values.size())]);
            RandomStream.of(step, "test", name).fillGaussian(gradient);
            adam.step(name, values, gradient, 0.01);
        }
        FloatMatrix values = parameters.get("natural");
        FloatMatrix gradient = FloatMatrix.wrap(2, 4, new float[8]);
        RandomStream.of(step, "test", "natural").fillGaussian(gradient);
        adam.naturalStep("natural", values, gradient, 0.01);
    }

    @Test
    void whatGoesOnHasTheBitsOfWhatWasNeverStopped() {
        Path file = folder.resolve("state");
        Map<String, FloatMatrix> whole = parameters();
        Map<String, FloatMatrix> resumed = parameters();
        try (Adam one = new Adam(Adam.Settings.standard());
                Adam two = new Adam(Adam.Settings.standard())) {
            for (int step = 0; step < 3; step++) {
                step(whole, one, step);
            }
            TrainingState.write(file, whole, one, Map.of("step", "3", "text", "x=y"));
            resumed.get("never stepped").set(0, 0, 9);
            assertThat(TrainingState.read(file, resumed, two)).isEqualTo(Map.of("step", "3", "text", "x=y"));
            for (int step = 3; step < 6; step++) {
                step(whole, one, step);
                step(resumed, two, step);
            }
        }
        whole.forEach((name, values) ->
                assertThat(resumed.get(name).toArray()).as(name).isEqualTo(values.toArray()));
    }

    @Test
    void everyFlippedBitIsFound() throws IOException {
        Path file = folder.resolve("state");
        Map<String, FloatMatrix> parameters = parameters();
        try (Adam adam = new Adam(Adam.Settings.standard())) {
            step(parameters, adam, 0);
            TrainingState.write(file, parameters, adam, Map.of("step", "1"));
        }
        byte[] good = Files.readAllBytes(file);
        for (int i = 0; i < good.length; i++) {
            byte[] bad = good.clone();
            bad[i] ^= 1;
            Files.write(file, bad);
            if (good[i] != ' ') {
                assertThatThrownBy(() -> read(file)).as("byte " + i).isInstanceOf(MalformedFileException.class);
            }
        }
    }

    private static void read(Path file) {
        try (Adam adam = new Adam(Adam.Settings.standard())) {
            TrainingState.read(file, parameters(), adam);
        }
    }

    @Test
    void theStateOfOtherParametersIsRefused() {
        Path file = folder.resolve("state");
        Map<String, FloatMatrix> others = parameters();
        others.remove("a");
        try (Adam adam = new Adam(Adam.Settings.standard())) {
            TrainingState.write(file, others, adam, Map.of());
        }
        assertThatThrownBy(() -> read(file))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageContaining("does not hold a as F32 [1, 7]");
    }
}
