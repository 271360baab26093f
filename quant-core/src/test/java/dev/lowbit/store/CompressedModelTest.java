package dev.lowbit.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.Digest;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CompressedModelTest {
    @TempDir
    Path temp;

    private Path source;
    private Path output;

    @BeforeEach
    void compress() {
        source = TinyModels.create(temp.resolve("model"), 2);
        output = TinyModels.compressModel(source, temp.resolve("out"), TinyModels.choices());
    }

    @Test
    void givesBackEveryMatrixBitForBit() {
        try (Checkpoint original = Checkpoint.open(source);
                CompressedModel model = CompressedModel.open(output)) {
            assertThat(model.names())
                    .isEqualTo(TinyModels.choices().stream()
                            .map(MatrixChoice::name)
                            .toList());
            for (MatrixChoice choice : TinyModels.choices()) {
                QuantizedMatrix stored = model.matrix(choice.name());
                assertThat(model.matrix(choice.name())).isSameAs(stored);
                try (FloatMatrix weights = TinyModels.weights(original, choice)) {
                    QuantizedMatrix expected = TinyModels.compress(weights, choice.format());
                    assertThat(stored.format()).isEqualTo(choice.format());
                    assertThat(stored.parts().stream().map(Part::name))
                            .isEqualTo(expected.parts().stream().map(Part::name).toList());
                    assertThat(restored(stored)).isEqualTo(restored(expected));
                }
            }
        }
    }

    @Test
    void closesTwice() {
        CompressedModel model = CompressedModel.open(output);
        model.matrix(model.names().getFirst());
        model.close();
        model.close();
    }

    /** As it shows when the parts were mapped before and are read after. */
    @Test
    void aTruncatedFileIsTheFilesFault() throws IOException {
        try (CompressedModel model = CompressedModel.open(output)) {
            MatrixEntry entry = model.entry(model.names().getFirst());
            QuantizedMatrix matrix = model.matrix(entry.name());
            try (FileChannel channel = FileChannel.open(output.resolve(entry.file()), StandardOpenOption.WRITE)) {
                channel.truncate(0);
            }
            assertThatThrownBy(() -> model.guarded(
                            entry, () -> Digest.sha256(matrix.parts().getFirst().bytes())))
                    .isInstanceOfSatisfying(
                            MalformedFileException.class,
                            e -> assertThat(e.reason()).isEqualTo(Reason.FILE_CHANGED))
                    .hasMessageContaining(entry.file());
        }
    }

    private static float[] restored(QuantizedMatrix matrix) {
        try (FloatMatrix all = FloatMatrix.allocate(matrix.rows(), matrix.columns())) {
            matrix.dequantize(0, all, Workers.serial());
            return all.toArray();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void carriesEveryOtherTensorAndFileOverUnchanged(int shards) throws IOException {
        Path from = TinyModels.create(temp.resolve("model" + shards), shards);
        Path to = TinyModels.compressModel(from, temp.resolve("out" + shards), TinyModels.choices());
        try (Checkpoint original = Checkpoint.open(from);
                CompressedModel model = CompressedModel.open(to);
                Arena arena = Arena.ofConfined()) {
            Checkpoint others = model.checkpointOfOthers();
            List<String> compressed = model.names();
            for (String name : original.names()) {
                if (!compressed.contains(name)) {
                    TensorInfo before = original.info(name);
                    TensorInfo after = others.info(name);
                    assertThat(after.type()).isEqualTo(before.type());
                    assertThat(after.shape()).isEqualTo(before.shape());
                    assertThat(Digest.sha256(others.map(name, arena)))
                            .isEqualTo(Digest.sha256(original.map(name, arena)));
                }
            }
            int parts = model.manifest().matrices().stream()
                    .mapToInt(matrix -> matrix.parts().size())
                    .sum();
            assertThat(others.names()).hasSize(original.names().size() - compressed.size() + parts);
            assertThat(others.metadata(others.files().getFirst())).containsEntry("format", "pt");
        }
        assertThat(Files.readAllBytes(to.resolve("tokenizer.json")))
                .isEqualTo(Files.readAllBytes(from.resolve("tokenizer.json")));
        assertThat(ConfigFile.withoutQuantization(Files.readAllBytes(to.resolve("config.json"))))
                .isEqualTo(Files.readAllBytes(from.resolve("config.json")));
    }

    /** NumPy and others read a tensor in place only when it starts at a multiple of its element's size. */
    @Test
    void everyTensorIsAligned() {
        try (CompressedModel model = CompressedModel.open(output)) {
            Checkpoint files = model.checkpointOfOthers();
            for (String name : files.names()) {
                TensorInfo tensor = files.info(name);
                assertThat(tensor.offsetBytes() % tensor.type().bytes())
                        .as(name)
                        .isZero();
            }
        }
    }

    @Test
    void aModelWithoutConfigGetsNone() {
        Path file = temp.resolve("single.safetensors");
        TinyModels.write(
                file, List.of(new dev.lowbit.checkpoint.SafetensorsWriter.Entry("w", DType.F32, List.of(4L, 6L))), 1);
        Path to = TinyModels.compressModel(
                file, temp.resolve("single"), List.of(new MatrixChoice("w", false, "lq-lora", "nf4-g64-f16", 0)));
        assertThat(TinyModels.contents(to).keySet())
                .containsExactly("lowbit.json", "lowbit.json.sha256", "model.safetensors");
        assertThat(Verifier.verify(to)).isEmpty();
    }

    @Test
    void nothingNeedsToBeCompressed() {
        Path to = TinyModels.compressModel(source, temp.resolve("none"), List.of());
        assertThat(Verifier.verify(to)).isEmpty();
        try (CompressedModel model = CompressedModel.open(to)) {
            assertThat(model.names()).isEmpty();
            assertThat(model.manifest().bytes()).isZero();
        }
    }

    @Test
    void anOrdinaryModelIsRefusedWithAHint() {
        assertThatThrownBy(() -> CompressedModel.open(source))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("lowbit.json");
    }

    @Test
    void anUnknownMatrixIsTheCallersFault() {
        try (CompressedModel model = CompressedModel.open(output)) {
            assertThatThrownBy(() -> model.matrix("flags"))
                    .isInstanceOf(InvalidRequestException.class)
                    .hasMessageContaining("flags");
        }
    }

    @Test
    void aDamagedManifestOrStrayTensorIsNotOpened() throws IOException {
        byte[] good = Files.readAllBytes(output.resolve(Manifest.FILE));
        byte[] bad = good.clone();
        bad[good.length / 2] ^= 1;
        Files.write(output.resolve(Manifest.FILE), bad);
        malformed(Reason.DAMAGED);
        Files.write(output.resolve(Manifest.FILE), good);
        Files.delete(output.resolve(Manifest.DIGEST_FILE));
        CompressedModel.open(output).close();
        Files.copy(
                source.resolve("model-00001-of-00002.safetensors"),
                output.resolve("model-00001-of-00002.safetensors"),
                java.nio.file.StandardCopyOption.REPLACE_EXISTING);
        malformed(Reason.INDEX_MISMATCH);
    }

    private void malformed(Reason reason) {
        assertThatThrownBy(() -> CompressedModel.open(output))
                .isInstanceOfSatisfying(
                        MalformedFileException.class,
                        e -> assertThat(e.reason()).isEqualTo(reason));
    }

    @Test
    void aFileThatShrinksAfterOpeningIsNoticed() throws IOException {
        try (CompressedModel model = CompressedModel.open(output)) {
            Path file = output.resolve(model.entry(model.names().getFirst()).file());
            byte[] bytes = Files.readAllBytes(file);
            Files.write(file, java.util.Arrays.copyOf(bytes, bytes.length / 2));
            assertThatThrownBy(() -> model.matrix(model.names().getFirst()))
                    .isInstanceOfSatisfying(
                            MalformedFileException.class,
                            e -> assertThat(e.reason()).isEqualTo(Reason.FILE_CHANGED));
        }
    }

    @Test
    void closingReleasesEverything() throws IOException {
        CompressedModel model = CompressedModel.open(output);
        QuantizedMatrix matrix = model.matrix(model.names().getFirst());
        Part codes = matrix.parts().getFirst();
        model.close();
        assertThat(codes.bytes().scope().isAlive()).isFalse();
        assertThatThrownBy(() -> restored(matrix)).isInstanceOf(IllegalStateException.class);
        WorkDirectory.deleteTree(output);
    }

    @Test
    void oneMatrixAtATimeCanBeReleasedAtOnce() {
        try (CompressedModel model = CompressedModel.open(output)) {
            QuantizedMatrix matrix;
            try (Arena arena = Arena.ofConfined()) {
                matrix = model.matrix(model.names().getFirst(), arena);
            }
            assertThat(matrix.parts().getFirst().bytes().scope().isAlive()).isFalse();
        }
    }
}
