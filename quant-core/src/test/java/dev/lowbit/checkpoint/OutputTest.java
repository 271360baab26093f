package dev.lowbit.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.checkpoint.SafetensorsWriter.Entry;
import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Files appear whole or not at all, and safetensors are written in one way only. */
class OutputTest {
    private static final List<Entry> TWO_FLOATS = List.of(new Entry("t", DType.F32, List.of(2L)));

    @TempDir
    Path path;

    private List<String> listed() throws IOException {
        try (Stream<Path> files = Files.list(path)) {
            return files.map(f -> f.getFileName().toString()).sorted().toList();
        }
    }

    @Test
    void theHeaderIsCanonical() throws IOException {
        Path file = path.resolve("a.safetensors");
        Map<String, String> metadata = new LinkedHashMap<>();
        metadata.put("z", "\"\\\n\u0001é");
        metadata.put("a", "");
        try (SafetensorsWriter writer = SafetensorsWriter.create(file, metadata, TWO_FLOATS)) {
            writer.write(ByteBuffer.allocate(8));
            assertThat(writer.finish()).isEqualTo(file);
        }
        String json = "{\"__metadata__\":{\"z\":\"\\\"\\\\\\n\\u0001é\",\"a\":\"\"},"
                + "\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
        byte[] bytes = Files.readAllBytes(file);
        int padded = (json.getBytes(StandardCharsets.UTF_8).length + 7) / 8 * 8;
        assertThat(bytes[0]).isEqualTo((byte) padded);
        assertThat(new String(bytes, 8, padded, StandardCharsets.UTF_8).stripTrailing())
                .isEqualTo(json);
        assertThat(bytes).hasSize(8 + padded + 8);
        assertThat(SafetensorsWriter.headerBytes(metadata, TWO_FLOATS)).isEqualTo(8 + padded);
    }

    @Test
    void metadataWithoutOrderIsSorted() {
        Map<String, String> metadata = Map.of("b", "1", "c", "2", "a", "3");
        Path file = path.resolve("a.safetensors");
        try (SafetensorsWriter writer = SafetensorsWriter.create(file, metadata, List.of())) {
            writer.finish();
        }
        try (SafetensorsFile opened = SafetensorsFile.open(file, Limits.defaults())) {
            assertThat(opened.metadata().keySet()).containsExactly("a", "b", "c");
        }
    }

    @Test
    void nothingAppearsBeforeItIsComplete() throws IOException {
        Path file = path.resolve("a.safetensors");
        try (SafetensorsWriter writer = SafetensorsWriter.create(file, Map.of(), TWO_FLOATS)) {
            writer.write(ByteBuffer.allocate(7));
            assertThat(listed())
                    .singleElement()
                    .satisfies(n ->
                            assertThat(AtomicOutput.isTemporary(Path.of(n))).isTrue());
            assertThatThrownBy(writer::finish)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("1 bytes");
            assertThatThrownBy(() -> writer.write(ByteBuffer.allocate(2))).isInstanceOf(IllegalStateException.class);
        }
        assertThat(listed()).isEmpty();
    }

    @Test
    void heapAndNativeSegmentsOfAnySizeAreWritten() throws IOException {
        long floats = 700_001;
        List<Entry> entries =
                List.of(new Entry("a", DType.F32, List.of(floats)), new Entry("b", DType.F32, List.of(floats)));
        float[] heap = new float[(int) floats];
        for (int i = 0; i < heap.length; i++) {
            heap[i] = i;
        }
        Path file = path.resolve("a.safetensors");
        try (SafetensorsWriter writer = SafetensorsWriter.create(file, Map.of(), entries);
                Arena arena = Arena.ofConfined()) {
            writer.write(MemorySegment.ofArray(heap));
            MemorySegment copy = arena.allocate(floats * 4);
            copy.copyFrom(MemorySegment.ofArray(heap));
            writer.write(copy.asReadOnly());
            writer.finish();
        }
        try (SafetensorsFile opened = SafetensorsFile.open(file, Limits.defaults());
                Arena arena = Arena.ofConfined()) {
            assertThat(opened.map("a", arena).mismatch(MemorySegment.ofArray(heap)))
                    .isEqualTo(-1);
            assertThat(opened.map("b", arena).mismatch(MemorySegment.ofArray(heap)))
                    .isEqualTo(-1);
            assertThat(Digest.sha256(opened.map("a", arena))).isEqualTo(Digest.sha256(MemorySegment.ofArray(heap)));
        }
        assertThat(Digest.sha256(file)).isEqualTo(Digest.sha256(Files.readAllBytes(file)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "a\0b", "__metadata__", "\ud800"})
    void badNamesAreNotWritten(String name) throws IOException {
        refused(List.of(new Entry(name, DType.U8, List.of())));
        refused(List.of(new Entry("x".repeat(513), DType.U8, List.of())));
    }

    @Test
    void badEntriesAreNotWritten() throws IOException {
        refused(List.of(new Entry("a", DType.U8, List.of()), new Entry("a", DType.U8, List.of())));
        refused(List.of(new Entry("a", DType.F4, List.of(3L))));
        refused(List.of(new Entry("a", DType.F32, List.of(-1L))));
    }

    private void refused(List<Entry> entries) throws IOException {
        assertThatThrownBy(() -> SafetensorsWriter.create(path.resolve("a.safetensors"), Map.of(), entries))
                .isInstanceOf(IllegalArgumentException.class);
        assertThat(listed()).isEmpty();
    }

    @Test
    void aFailureLeavesTheOldContent() throws IOException {
        Path file = path.resolve("a.json");
        AtomicOutput.writeString(file, "old");
        assertThatThrownBy(() -> AtomicOutput.write(file, out -> {
                    out.write(1);
                    throw new IOException("no space");
                }))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("a.json");
        assertThatThrownBy(() -> AtomicOutput.write(file, out -> {
                    throw new IllegalStateException();
                }))
                .isInstanceOf(IllegalStateException.class);
        assertThat(file).hasContent("old");
        assertThat(listed()).containsExactly("a.json");
        AtomicOutput.writeString(file, "new");
        assertThat(file).hasContent("new");
    }

    @Test
    void r3AFolderThatCannotBeWrittenIsAnInputOutputError() throws IOException {
        Path file = path.resolve("plain");
        Files.createFile(file);
        for (Path target :
                List.of(file.resolve("a.safetensors"), path.resolve("absent").resolve("a.safetensors"))) {
            assertThatThrownBy(() -> SafetensorsWriter.create(target, Map.of(), TWO_FLOATS))
                    .isInstanceOf(UncheckedIOException.class)
                    .hasMessageContaining(target.toString());
            assertThatThrownBy(() -> AtomicOutput.writeString(target, "x"))
                    .isInstanceOf(UncheckedIOException.class)
                    .hasMessageContaining(target.toString());
        }
        assertThat(listed()).containsExactly("plain");
    }
}
