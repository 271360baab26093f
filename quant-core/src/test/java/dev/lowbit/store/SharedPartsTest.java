package dev.lowbit.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.NumpyScript;
import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.LongStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** One codebook for several matrices. */
class SharedPartsTest {
    private static final String ID = "book-0";
    private static final String PART = "codebook";

    @TempDir
    Path temp;

    private Path source;
    private Path output;

    /** Two matrices that share, one with all parts of its own, one in another representation. */
    private final List<MatrixChoice> choices = List.of(
            choice("a", "lc3-g16-f16", true),
            choice("b", "lc3-g16-f16", false),
            choice("c", "lc3-g32-s4x8-bf16", true),
            choice("d", "nf4-g16-f16", false));

    private static MatrixChoice choice(String name, String format, boolean shared) {
        return new MatrixChoice(name, false, "test", format, 0, shared ? Optional.of(ID) : Optional.empty());
    }

    @BeforeEach
    void create() throws IOException {
        source = Files.createDirectory(temp.resolve("source"));
        output = temp.resolve("out");
        TinyModels.write(
                source.resolve("model.safetensors"),
                List.of(
                        new SafetensorsWriter.Entry("a", DType.F32, List.of(8L, 48L)),
                        new SafetensorsWriter.Entry("b", DType.F32, List.of(8L, 48L)),
                        new SafetensorsWriter.Entry("c", DType.F32, List.of(5L, 70L)),
                        new SafetensorsWriter.Entry("d", DType.F32, List.of(3L, 9L)),
                        new SafetensorsWriter.Entry("norm", DType.F32, List.of(7L))),
                1);
    }

    private static Part codebook(QuantizedMatrix matrix) {
        return matrix.parts().stream()
                .filter(part -> part.name().equals(PART))
                .findFirst()
                .orElseThrow();
    }

    /** The matrix of a choice, with the codebook of the first where it shares. */
    private static QuantizedMatrix compressed(Checkpoint checkpoint, MatrixChoice choice, Part common) {
        try (FloatMatrix weights = TinyModels.weights(checkpoint, choice)) {
            QuantizedMatrix matrix = TinyModels.compress(weights, choice.format());
            if (choice.shared().isEmpty() || common == null) {
                return matrix;
            }
            Map<String, Part> parts = new LinkedHashMap<>();
            matrix.parts().forEach(part -> parts.put(part.name(), part.name().equals(PART) ? common : part));
            return MatrixFormats.read(choice.format(), matrix.rows(), matrix.columns(), parts);
        }
    }

    private static Part common(Checkpoint checkpoint, List<MatrixChoice> choices) {
        return codebook(compressed(checkpoint, choices.getFirst(), null));
    }

    private static void addAll(ModelWriter writer, Checkpoint checkpoint, List<MatrixChoice> choices) {
        for (MatrixChoice choice : choices) {
            if (!writer.has(choice.name())) {
                try (FloatMatrix weights = TinyModels.weights(checkpoint, choice)) {
                    QuantizedMatrix matrix = compressed(checkpoint, choice, common(checkpoint, choices));
                    writer.add(choice.name(), matrix, weights, Importance.uniform(), Workers.serial());
                }
            }
        }
    }

    private Manifest write() {
        try (Checkpoint checkpoint = Checkpoint.open(source);
                WorkDirectory work = WorkDirectory.open(output, false);
                ModelWriter writer = ModelWriter.open(ModelLayout.of(checkpoint, TinyModels.JOB, choices), work)) {
            writer.share(ID, List.of(common(checkpoint, choices)));
            addAll(writer, checkpoint, choices);
            return writer.finish();
        }
    }

    @Test
    void standOnceAndAreCountedOnce() throws IOException, InterruptedException {
        Manifest manifest = write();
        assertThat(Verifier.verify(output)).isEmpty();
        assertThat(manifest.version()).isEqualTo(2);
        assertThat(manifest.shared()).hasSize(1);
        long own = 0;
        try (Checkpoint checkpoint = Checkpoint.open(source);
                CompressedModel model = CompressedModel.open(output)) {
            assertThat(model.checkpointOfOthers().names()).contains("lowbit.shared." + ID + "." + PART, "b." + PART);
            Part common = common(checkpoint, choices);
            for (MatrixChoice choice : choices) {
                QuantizedMatrix expected = compressed(checkpoint, choice, common);
                QuantizedMatrix read = model.matrix(choice.name());
                for (int i = 0; i < expected.parts().size(); i++) {
                    assertThat(read.parts()
                                    .get(i)
                                    .bytes()
                                    .mismatch(expected.parts().get(i).bytes()))
                            .isNegative();
                }
                own += expected.bytes()
                        - (choice.shared().isPresent() ? common.bytes().byteSize() : 0);
            }
            assertThat(manifest.bytes()).isEqualTo(own + common.bytes().byteSize());
            assertThat(manifest.matrices().stream()
                            .mapToLong(MatrixEntry::bytes)
                            .sum())
                    .isEqualTo(manifest.bytes());
            ModelLayout layout = ModelLayout.of(checkpoint, TinyModels.JOB, choices);
            assertThat(layout.bytes()).isEqualTo(manifest.bytes());
            Map<String, Long> sizes = new TreeMap<>();
            TinyModels.contents(output).forEach((name, bytes) -> sizes.put(name, (long) bytes.length));
            assertThat(sizes).isEqualTo(layout.fileSizes());
        }
        NumpyScript.Run run = NumpyScript.run("decode.py", output.toString());
        assertThat(run.output()).contains(choices.size() + " matrices, 0 bad");
    }

    @Test
    void survivesAStopAndIsWrittenOnceMore() throws IOException {
        Manifest whole = write();
        Map<String, byte[]> expected = TinyModels.contents(output);
        Path stopped = temp.resolve("stopped");
        try (Checkpoint checkpoint = Checkpoint.open(source)) {
            ModelLayout layout = ModelLayout.of(checkpoint, TinyModels.JOB, choices);
            Part common = common(checkpoint, choices);
            try (WorkDirectory work = WorkDirectory.open(stopped, false);
                    ModelWriter writer = ModelWriter.open(layout, work)) {
                assertThat(writer.hasShared(ID)).isFalse();
                writer.share(ID, List.of(common));
                addAll(writer, checkpoint, choices.subList(0, 2));
                assertThatThrownBy(writer::finish).isInstanceOf(IllegalStateException.class);
            }
            try (WorkDirectory work = WorkDirectory.open(stopped, true);
                    ModelWriter writer = ModelWriter.open(layout, work)) {
                assertThat(writer.hasShared(ID)).isTrue();
                long mismatch =
                        writer.shared(ID, parts -> parts.getFirst().bytes().mismatch(common.bytes()));
                assertThat(mismatch).isNegative();
                assertThat(writer.has("a")).isTrue();
                addAll(writer, checkpoint, choices);
                writer.finish();
            }
        }
        assertThat(TinyModels.contents(stopped)).usingRecursiveComparison().isEqualTo(expected);
        Path again = temp.resolve("again");
        try (CompressedModel model = CompressedModel.open(output);
                WorkDirectory work = WorkDirectory.open(again, false);
                ModelWriter writer = ModelWriter.open(ModelLayout.of(model, TinyModels.JOB, Map.of()), work)) {
            writer.share(ID, List.of(codebook(model.matrix("a"))));
            for (String name : model.names()) {
                writer.keep(name, model.matrix(name), model.entry(name).error());
            }
            Manifest manifest = writer.finish();
            assertThat(manifest.matrices()).isEqualTo(whole.matrices());
            assertThat(manifest.shared()).isEqualTo(whole.shared());
        }
        assertThat(Verifier.verify(again)).isEmpty();
    }

    @Test
    void othersThanStoredAreRefused() {
        try (Checkpoint checkpoint = Checkpoint.open(source);
                FloatMatrix weights = TinyModels.weights(checkpoint, choices.get(2));
                WorkDirectory work = WorkDirectory.open(output, false);
                ModelWriter writer = ModelWriter.open(ModelLayout.of(checkpoint, TinyModels.JOB, choices), work)) {
            QuantizedMatrix own = TinyModels.compress(weights, choices.get(2).format());
            assertThatThrownBy(() -> writer.keep("c", own, Optional.empty()))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining(ID);
            writer.share(ID, List.of(common(checkpoint, choices)));
            assertThatThrownBy(() -> writer.keep("c", own, Optional.empty()))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("other shared parts");
            assertThatThrownBy(() -> writer.share("other", List.of())).isInstanceOf(IllegalArgumentException.class);
        }
        for (String format : List.of("lc2-g16-f16", "nf3-g16-f16")) {
            List<MatrixChoice> odd = List.of(choices.get(0), choice("c", format, true));
            try (Checkpoint checkpoint = Checkpoint.open(source)) {
                assertThatThrownBy(() -> ModelLayout.of(checkpoint, TinyModels.JOB, odd))
                        .isInstanceOf(IllegalArgumentException.class);
            }
        }
    }

    @Test
    void aFlippedBitIsFound() throws IOException {
        write();
        Path file = output.resolve("model.safetensors");
        byte[] bytes = Files.readAllBytes(file);
        try (Checkpoint checkpoint = Checkpoint.open(output)) {
            bytes[(int) checkpoint.info("lowbit.shared." + ID + "." + PART).offsetBytes()] ^= 1;
        }
        Files.write(file, bytes);
        assertThat(Verifier.verify(output))
                .anyMatch(finding -> finding.problem().contains("lowbit.shared." + ID));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "\"id\": \"book-0\" | \"id\": \"book-1\"",
                "\"shared\": \"book-0\" | \"shared\": \"book-1\"",
                "\"shared\": \"book-0\" | \"shared\": 7",
                "\"bytes\": 16, | \"bytes\": 17,",
                "\"version\": 2 | \"version\": 1",
            })
    void aManifestThatContradictsItselfIsMalformed(String what, String instead) throws IOException {
        write();
        Path file = output.resolve(Manifest.FILE);
        String text = Files.readString(file);
        assertThat(text).contains(what);
        Files.write(file, text.replace(what, instead).getBytes(StandardCharsets.UTF_8));
        assertThatThrownBy(() -> Manifest.read(output)).isInstanceOf(MalformedFileException.class);
    }

    @Property
    void chargesAddUpAndAreFair(
            @ForAll @LongRange(max = 1L << 50) long bytes,
            @ForAll @Size(min = 1, max = 20) List<@LongRange(min = 1, max = 1L << 40) Long> weights) {
        long[] all = weights.stream().mapToLong(Long::longValue).toArray();
        long[] charges = SharedParts.charges(bytes, all);
        assertThat(LongStream.of(charges).sum()).isEqualTo(bytes);
        double total = LongStream.of(all).sum();
        for (int i = 0; i < all.length; i++) {
            // two roundings of less than 1, and what doubles lose of a product of two large numbers
            assertThat(Math.abs(charges[i] - bytes * (all[i] / total))).isLessThan(1 + 4 * 0x1p-53 * bytes);
        }
    }
}
