package dev.lowbit.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.SharedData;
import dev.lowbit.tensor.FloatMatrix;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every real file of the shared data: opened, listed, read, written again. */
class CheckpointGoldenTest {
    static List<Path> models() {
        return SharedData.models();
    }

    static Stream<Path> weightFiles() throws IOException {
        try (Stream<Path> all = Files.walk(SharedData.folder("models"))) {
            return all.filter(p -> p.toString().endsWith(".safetensors")).sorted().toList().stream();
        }
    }

    @ParameterizedTest
    @MethodSource("models")
    void everyMatrixIsReadAndTransposed(Path model) {
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            assertThat(checkpoint.names()).isNotEmpty();
            for (String name : checkpoint.names()) {
                if (!checkpoint.info(name).isMatrix()) {
                    continue;
                }
                try (FloatMatrix straight = checkpoint.matrix(name);
                        FloatMatrix transposed = checkpoint.matrix(name, true)) {
                    assertThat(transposed.rows()).isEqualTo(straight.columns());
                    assertThat(transposed.columns()).isEqualTo(straight.rows());
                    for (int row = 0; row < straight.rows(); row++) {
                        for (int column = 0; column < straight.columns(); column++) {
                            if (straight.get(row, column) != transposed.get(column, row)) {
                                throw new AssertionError(name + " differs at " + row + ", " + column);
                            }
                        }
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("weightFiles")
    void aFileReadAndWrittenAgainKeepsItsTensors(Path file, @TempDir Path folder) throws IOException {
        Path copy = folder.resolve("copy.safetensors");
        try (SafetensorsFile source = SafetensorsFile.open(file, Limits.defaults())) {
            RoundTrip.copy(source, copy);
            try (SafetensorsFile written = SafetensorsFile.open(copy, Limits.defaults());
                    Arena arena = Arena.ofConfined()) {
                assertThat(written.metadata()).isEqualTo(source.metadata());
                assertThat(List.copyOf(written.byName().keySet()))
                        .isEqualTo(
                                source.tensors().stream().map(TensorInfo::name).toList());
                for (TensorInfo tensor : source.tensors()) {
                    MemorySegment before = source.map(tensor.name(), arena);
                    MemorySegment after = written.map(tensor.name(), arena);
                    assertThat(before.mismatch(after)).as(tensor.name()).isEqualTo(-1);
                    assertThat(written.byName().get(tensor.name()).shape()).isEqualTo(tensor.shape());
                }
            }
            if (RoundTrip.isCanonical(source)) {
                assertThat(Files.mismatch(file, copy))
                        .as("canonical file, byte for byte")
                        .isEqualTo(-1);
            }
        }
    }
}
