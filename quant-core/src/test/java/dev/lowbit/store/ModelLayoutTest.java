package dev.lowbit.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.SafetensorsWriter.Entry;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelLayoutTest {
    @TempDir
    Path temp;

    private static MatrixChoice choice(String name, boolean transposed, String format) {
        return new MatrixChoice(name, transposed, "lq-lora", format, 0);
    }

    @Test
    void countsWhatABudgetCounts() {
        Path model = TinyModels.create(temp.resolve("model"), 2);
        try (Checkpoint source = Checkpoint.open(model)) {
            ModelLayout layout = ModelLayout.of(source, TinyModels.JOB, TinyModels.choices());
            assertThat(layout.weights()).isEqualTo(17 * 24 + 70 + 24 * 40);
            assertThat(layout.bytes())
                    .isEqualTo(MatrixFormats.bytes("nf3-g16-s8x4-bf16+r2-nf8", 17, 24)
                            + MatrixFormats.bytes("int1-g32-f16-flat", 70, 1)
                            + MatrixFormats.bytes("int4-g32-s4x16-fp32+r3-bf16", 40, 24));
            assertThat(layout.matrices().get(2).rows()).isEqualTo(40);
            assertThat(layout.matrices().get(2).transposed()).isTrue();
        }
    }

    @Test
    void everythingThatDecidesBytesDecidesTheFingerprint() throws IOException {
        List<String> fingerprints = new ArrayList<>();
        Path model = TinyModels.create(temp.resolve("model"), 2);
        List<MatrixChoice> choices = TinyModels.choices();
        CompressionJob job = TinyModels.JOB;
        fingerprints.add(fingerprint(model, job, choices));
        assertThat(fingerprint(TinyModels.create(temp.resolve("same"), 2), job, choices))
                .isEqualTo(fingerprints.getFirst());
        fingerprints.add(fingerprint(model, job, choices.reversed()));
        fingerprints.add(fingerprint(
                model,
                new CompressionJob("lowbit 2", job.method(), 7, job.budgetBytes(), 1, 1, job.options()),
                choices));
        fingerprints.add(fingerprint(TinyModels.create(temp.resolve("single"), 1), job, choices));
        Files.writeString(model.resolve("tokenizer.json"), "{\"version\": \"9.9\"}");
        fingerprints.add(fingerprint(model, job, choices));
        Files.writeString(model.resolve("config.json"), "{\"model_type\": \"mistral\"}");
        fingerprints.add(fingerprint(model, job, choices));
        assertThat(fingerprints).doesNotHaveDuplicates();
    }

    private static String fingerprint(Path model, CompressionJob job, List<MatrixChoice> choices) {
        try (Checkpoint source = Checkpoint.open(model)) {
            return ModelLayout.of(source, job, choices).fingerprint();
        }
    }

    @Test
    void refusesWhatCannotBeLaidOut() {
        Path model = TinyModels.create(temp.resolve("model"), 1);
        refuses(model, "chosen twice", choice("h.1.c_fc.weight", false, "f16"), choice("h.1.c_fc.weight", true, "f16"));
        refuses(model, "two-dimensional", choice("model.layers.0.norm.weight", false, "f16"));
        refuses(model, "two-dimensional", choice("empty", false, "f16"));
        refuses(model, "nobody", choice("nobody", false, "f16"));
        refuses(model, "unknown matrix format", choice("h.1.c_fc.weight", false, "f17"));
    }

    @Test
    void refusesNamesThatCollideOrGrowTooLong() {
        Path collision = temp.resolve("collision.safetensors");
        TinyModels.write(
                collision,
                List.of(new Entry("w", DType.F32, List.of(2L, 2L)), new Entry("w.weight", DType.F32, List.of(1L))),
                1);
        refuses(collision, "already has a tensor w.weight", choice("w", false, "f32"));
        Path tooLong = temp.resolve("long.safetensors");
        String name = "n".repeat(510);
        TinyModels.write(tooLong, List.of(new Entry(name, DType.F32, List.of(2L, 2L))), 1);
        refuses(tooLong, "517 bytes", choice(name, false, "f32"));
        Path empty = temp.resolve("empty.safetensors");
        TinyModels.write(empty, List.of(new Entry("w", DType.F32, List.of(0L, 5L))), 1);
        refuses(empty, "each side needs", choice("w", false, "f32"));
    }

    private static void refuses(Path model, String why, MatrixChoice... choices) {
        try (Checkpoint source = Checkpoint.open(model)) {
            assertThatThrownBy(() -> ModelLayout.of(source, TinyModels.JOB, List.of(choices)))
                    .isInstanceOf(InvalidRequestException.class)
                    .hasMessageContaining(why);
        }
    }
}
