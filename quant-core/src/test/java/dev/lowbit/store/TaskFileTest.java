package dev.lowbit.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.Digest;
import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.checkpoint.SafetensorsFile;
import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TaskFileTest {
    private static final float BEND = 0.3f;
    private static final String TABLES = TaskModels.SKETCH + ".tables";
    /** More than half floats have of numbers. */
    private static final byte[] INFINITY = {0, 0x7c};

    @TempDir
    private static Path common;

    @TempDir
    private Path temp;

    private static Path source;
    private static CompressedModel base;
    private static CompressedModel tuned;
    private static Path good;

    @BeforeAll
    static void write() {
        source = TaskModels.source(common.resolve("source"), 2);
        base = compressed("base", 0);
        tuned = compressed("tuned", BEND);
        good = common.resolve("good.safetensors");
        TaskWriter.write(base, tuned, good);
    }

    private static CompressedModel compressed(String name, float bend) {
        return CompressedModel.open(TaskModels.compress(source, common.resolve(name), bend, TaskModels.choices()));
    }

    @AfterAll
    static void close() {
        base.close();
        tuned.close();
    }

    private static float[] restored(QuantizedMatrix matrix) {
        FloatMatrix out =
                FloatMatrix.wrap(matrix.rows(), matrix.columns(), new float[matrix.rows() * matrix.columns()]);
        matrix.dequantize(0, out, Workers.serial());
        return out.toArray();
    }

    private static String digest(CompressedModel model, String tensor) {
        return model.manifest().partsByTensor().get(tensor).sha256();
    }

    @Test
    void closesTwice() {
        TaskFile task = TaskFile.open(good, base);
        task.close();
        task.close();
    }

    @Test
    void giveTheTunedMatricesOverTheCodesOfTheBase() {
        try (TaskFile task = TaskFile.open(good, base)) {
            List<String> changed = new ArrayList<>(base.names());
            changed.remove(TaskModels.UNTOUCHED);
            assertThat(task.names()).isEqualTo(changed);
            for (String name : base.names()) {
                assertThat(restored(task.matrix(name))).as(name).isEqualTo(restored(tuned.matrix(name)));
                List<Part> own = base.matrix(name).parts();
                List<Part> parts = task.matrix(name).parts();
                for (int i = 0; i < own.size(); i++) {
                    String tensor = base.manifest()
                            .tensorsOf(base.entry(name))
                            .get(own.get(i).name());
                    boolean same = digest(base, tensor).equals(digest(tuned, tensor));
                    assertThat(parts.get(i).bytes().address()
                                    == own.get(i).bytes().address())
                            .as(name + "." + own.get(i).name())
                            .isEqualTo(same);
                    assertThat(parts.get(i).bytes().byteSize())
                            .isEqualTo(own.get(i).bytes().byteSize());
                }
                assertThat(task.matrix(name)).isSameAs(task.matrix(name));
            }
            assertThat(task.matrix(TaskModels.UNTOUCHED)).isSameAs(base.matrix(TaskModels.UNTOUCHED));
            assertThat(restored(task.matrix(TaskModels.SKETCH))).isNotEqualTo(restored(base.matrix(TaskModels.SKETCH)));
        }
    }

    @Test
    void holdExactlyWhatDiffers() {
        Map<String, PartEntry> parts = new LinkedHashMap<>(tuned.manifest().partsByTensor());
        parts.values().removeAll(base.manifest().partsByTensor().values());
        assertThat(parts.keySet())
                .contains(TABLES, "lowbit.shared." + TaskModels.SET + ".codebook", "sum.left.codes")
                .doesNotContain("sketch.codes", "sum.codes", "one.codes", "sum.right.codes");
        try (TaskFile task = TaskFile.open(good, base);
                SafetensorsFile file = SafetensorsFile.open(good, Limits.defaults())) {
            assertThat(file.byName().keySet()).containsExactlyInAnyOrderElementsOf(parts.keySet());
            assertThat(task.size()).isEqualTo(parts.size());
            assertThat(task.bytes())
                    .isEqualTo(
                            parts.values().stream().mapToLong(PartEntry::bytes).sum());
        }
    }

    @Test
    void sameBytesAgainAndAlignedTensors() throws IOException {
        Path again = temp.resolve("again.safetensors");
        TaskWriter.write(base, tuned, again);
        assertThat(again).hasSameBinaryContentAs(good);
        try (SafetensorsFile file = SafetensorsFile.open(good, Limits.defaults())) {
            assertThat(file.tensors())
                    .allMatch(tensor -> tensor.offsetBytes() % tensor.type().bytes() == 0);
        }
    }

    @Test
    void belongsToOneModelOnly() {
        assertThatThrownBy(() -> TaskFile.open(good, tuned))
                .isInstanceOfSatisfying(
                        InvalidRequestException.class,
                        e -> assertThat(e.kind()).isEqualTo(InvalidRequestException.Kind.IMPOSSIBLE))
                .hasMessageContaining("was made for another model")
                .hasMessageContaining(base.digest());
    }

    /** One bit of every byte: refused, by what is read at once or by the digests. */
    @Test
    void noFlippedBitGoesUnnoticed() throws IOException {
        byte[] bytes = Files.readAllBytes(good);
        Path file = temp.resolve("flipped.safetensors");
        for (int i = 0; i < bytes.length; i++) {
            byte[] flipped = bytes.clone();
            flipped[i] ^= (byte) (1 << i % Byte.SIZE);
            Files.write(file, flipped);
            assertThatThrownBy(() -> TaskFile.open(file, base).close())
                    .as("byte " + i)
                    .isInstanceOfAny(
                            MalformedFileException.class,
                            InvalidRequestException.class,
                            UnsupportedModelException.class);
        }
    }

    @Test
    void noTruncatedFileIsRead() throws IOException {
        byte[] bytes = Files.readAllBytes(good);
        Path file = temp.resolve("short.safetensors");
        for (int length = 0; length < bytes.length; length += 1 + length / 16) {
            Files.write(file, Arrays.copyOf(bytes, length));
            assertThatThrownBy(() -> TaskFile.open(file, base).close())
                    .as(length + " bytes")
                    .isInstanceOf(MalformedFileException.class);
        }
    }

    /** A task file of one tensor. */
    private Path handmade(Map<String, String> metadata, DType type, List<Long> shape, String name, byte[] data) {
        Path file = temp.resolve("handmade.safetensors");
        List<SafetensorsWriter.Entry> entries = List.of(new SafetensorsWriter.Entry(name, type, shape));
        try (SafetensorsWriter writer = SafetensorsWriter.create(file, metadata, entries)) {
            writer.write(MemorySegment.ofArray(data));
            writer.finish();
        }
        return file;
    }

    private static Map<String, String> metadata(String name, byte[] data) {
        Map<String, String> all = new LinkedHashMap<>();
        all.put("format", "lowbit-task");
        all.put("version", "1");
        all.put("lowbit.base", base.digest());
        all.put("sha256:" + name, Digest.sha256(data));
        return all;
    }

    private void refused(Path file, Reason reason, String says) {
        assertThatThrownBy(() -> TaskFile.open(file, base).close())
                .isInstanceOfSatisfying(
                        MalformedFileException.class,
                        e -> assertThat(e.reason()).isEqualTo(reason))
                .hasMessageContaining(says);
    }

    @Test
    void whatOthersWriteIsReadWhenItIsRight() {
        byte[] tables = new byte[2 * 5 * 2 * 16];
        Map<String, String> metadata = metadata(TABLES, tables);
        metadata.put("author", "somebody");
        Path file = handmade(metadata, DType.F16, List.of(10L, 16L), TABLES, tables);
        try (TaskFile task = TaskFile.open(file, base)) {
            assertThat(restored(task.matrix(TaskModels.SKETCH))).containsOnly(0);
            assertThat(task.names()).containsExactly(TaskModels.SKETCH);
        }
    }

    @Test
    void tensorsAreThoseOfTheModel() {
        byte[] data = new byte[320];
        Path file = handmade(metadata("norm", data), DType.F16, List.of(160L), "norm", data);
        refused(file, Reason.BAD_TASK, "norm, which is no part");
        file = handmade(metadata(TABLES, data), DType.F16, List.of(16L, 10L), TABLES, data);
        refused(file, Reason.BAD_TASK, "F16[16, 10] for " + TABLES + ", the model has F16[10, 16]");
        file = handmade(metadata(TABLES, data), DType.BF16, List.of(10L, 16L), TABLES, data);
        refused(file, Reason.BAD_TASK, "BF16[10, 16]");
    }

    @Test
    void metadataAreComplete() {
        byte[] data = new byte[320];
        Map<String, String> complete = metadata(TABLES, data);
        for (String key : complete.keySet()) {
            Map<String, String> some = new HashMap<>(complete);
            some.remove(key);
            refused(handmade(some, DType.F16, List.of(10L, 16L), TABLES, data), Reason.BAD_TASK, "");
        }
        Map<String, String> more = new HashMap<>(complete);
        more.put("sha256:sum.left.codes", "0".repeat(64));
        refused(
                handmade(more, DType.F16, List.of(10L, 16L), TABLES, data),
                Reason.BAD_TASK,
                "sum.left.codes, which is missing");
        more = new HashMap<>(complete);
        more.put("lowbit.base", "\n");
        refused(handmade(more, DType.F16, List.of(10L, 16L), TABLES, data), Reason.BAD_TASK, "names no model");
        more = new HashMap<>(complete);
        more.put("version", "2");
        Path newer = handmade(more, DType.F16, List.of(10L, 16L), TABLES, data);
        assertThatThrownBy(() -> TaskFile.open(newer, base))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("newer Lowbit");
    }

    @Test
    void numbersThatCannotBeAreRefusedWithTheMatrix() {
        byte[] data = new byte[320];
        System.arraycopy(INFINITY, 0, data, 20, 2);
        Path file = handmade(metadata(TABLES, data), DType.F16, List.of(10L, 16L), TABLES, data);
        try (TaskFile task = TaskFile.open(file, base)) {
            assertThatThrownBy(() -> task.matrix(TaskModels.SKETCH))
                    .isInstanceOf(MalformedFileException.class)
                    .hasMessageContaining(TaskModels.SKETCH + ": part tables")
                    .hasMessageContaining("index 10");
        }
    }

    private void notWritten(CompressedModel before, CompressedModel after, Class<?> type, String... says)
            throws IOException {
        Path target = Files.createDirectories(temp.resolve("none")).resolve("task.safetensors");
        assertThatThrownBy(() -> TaskWriter.write(before, after, target))
                .isInstanceOf(type)
                .hasMessageContainingAll(says);
        try (Stream<Path> files = Files.list(target.getParent())) {
            assertThat(files).isEmpty();
        }
    }

    private void notWritten(Path other, List<MatrixChoice> choices, String... says) throws IOException {
        try (CompressedModel after =
                CompressedModel.open(TaskModels.compress(other, temp.resolve("other"), BEND, choices))) {
            notWritten(base, after, InvalidRequestException.class, says);
        }
    }

    @Test
    void onlyNumbersMayDiffer() throws IOException {
        notWritten(base, base, InvalidRequestException.class, "there is nothing to write");
        List<MatrixChoice> choices = new ArrayList<>(TaskModels.choices());
        choices.set(
                0, new MatrixChoice(TaskModels.SKETCH, false, "test", "sketch4-r2-f16+r1-f16", 1, Optional.empty()));
        notWritten(source, choices, "matrix sketch is sketch4-r2-f16 of 5 x 64", "+r1-f16 of", "--min-rank 1");
    }

    @Test
    void partsInCommonAreTheSame() throws IOException {
        List<MatrixChoice> choices = new ArrayList<>(TaskModels.choices());
        choices.set(2, new MatrixChoice("one", false, "test", "lc3-g16-f16", 0, Optional.empty()));
        notWritten(source, choices, "matrix one is lc3-g16-f16 of 5 x 64, parts in common book-0 in");
    }

    @Test
    void theSameMatricesAreCompressed() throws IOException {
        List<MatrixChoice> choices = TaskModels.choices();
        notWritten(source, choices.subList(0, choices.size() - 1), "matrix untouched is sketch3", "not compressed");
    }

    @Test
    void otherTensorsAreEqual() throws IOException {
        notWritten(TaskModels.source(temp.resolve("source"), 3), TaskModels.choices(), "tensor norm differs");
    }

    @Test
    void otherFilesAreEqual() throws IOException {
        Path other = TaskModels.source(temp.resolve("source"), 2);
        Files.writeString(other.resolve("config.json"), "{\"model_type\": \"mistral\"}\n");
        notWritten(other, TaskModels.choices(), "file config.json differs");
    }

    @Test
    void damageDoesNotLiveOn() throws IOException {
        Path damaged = TaskModels.compress(source, temp.resolve("damaged"), BEND, TaskModels.choices());
        try (Checkpoint checkpoint = Checkpoint.open(damaged)) {
            TensorInfo tables = checkpoint.info(TABLES);
            byte[] bytes = Files.readAllBytes(tables.file());
            bytes[(int) tables.offsetBytes()] ^= 1;
            Files.write(tables.file(), bytes);
        }
        try (CompressedModel after = CompressedModel.open(damaged)) {
            notWritten(base, after, MalformedFileException.class, TABLES, "digest of the manifest");
        }
    }
}
