package dev.lowbit.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.SharedData;
import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.Digest;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class StoreGoldenTest {
    @TempDir
    Path temp;

    static List<Path> models() {
        return SharedData.models();
    }

    @ParameterizedTest
    @MethodSource("models")
    void aRealModelIsStoredAsPlannedAndVerifies(Path model) {
        Path output = temp.resolve("out");
        try (Checkpoint source = Checkpoint.open(model);
                Arena arena = Arena.ofConfined()) {
            List<MatrixChoice> choices = TinyModels.all(source, "nf3-g64-s8x256-bf16");
            TinyModels.compressModel(model, output, choices);
            ModelLayout layout = ModelLayout.of(source, TinyModels.JOB, choices);
            long written = TinyModels.contents(output).values().stream()
                    .mapToLong(bytes -> bytes.length)
                    .sum();
            assertThat(written).isEqualTo(layout.outputBytes());
            assertThat(Verifier.verify(output)).isEmpty();
            try (CompressedModel compressed = CompressedModel.open(output)) {
                // no more than zeros lose, which the codebook has; rows and codes that do not match lose about 1.4
                assertThat(compressed.manifest().error().orElseThrow().relativeError())
                        .isBetween(0.0, 1.0);
                for (TensorEntry tensor : compressed.manifest().tensors()) {
                    assertThat(tensor.sha256()).isEqualTo(Digest.sha256(source.map(tensor.name(), arena)));
                }
            }
        }
    }
}
