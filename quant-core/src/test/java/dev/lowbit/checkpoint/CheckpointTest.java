package dev.lowbit.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.checkpoint.SafetensorsWriter.Entry;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What an opened checkpoint gives: matrices of every type, raw bytes, digests, sizes beyond 32 bits. */
class CheckpointTest {
    @TempDir
    Path path;

    private Path write(String name, DType type, long rows, long columns, double... values) {
        ByteBuffer data = ByteBuffer.allocate(values.length * type.bytes()).order(ByteOrder.LITTLE_ENDIAN);
        for (double value : values) {
            switch (type) {
                case F64 -> data.putDouble(value);
                case F32 -> data.putFloat((float) value);
                case F16 -> data.putShort(Float.floatToFloat16((float) value));
                case BF16 -> data.putShort((short) (Float.floatToRawIntBits((float) value) >>> 16));
                default -> data.put((byte) value);
            }
        }
        Path file = path.resolve(name + ".safetensors");
        try (SafetensorsWriter writer =
                SafetensorsWriter.create(file, Map.of(), List.of(new Entry("w", type, List.of(rows, columns))))) {
            writer.write(data.flip());
            return writer.finish();
        }
    }

    @Test
    void everyWeightTypeIsWidened() {
        for (DType type : List.of(DType.F64, DType.F32, DType.F16, DType.BF16)) {
            try (Checkpoint checkpoint = Checkpoint.open(write(type.name(), type, 2, 3, 1, -2, 0.5, 0, 1.5, -0.25));
                    FloatMatrix straight = checkpoint.matrix("w");
                    FloatMatrix transposed = checkpoint.matrix("w", true)) {
                assertThat(straight.toArray()).as(type.name()).containsExactly(1, -2, 0.5f, 0, 1.5f, -0.25f);
                assertThat(transposed.rows()).isEqualTo(3);
                assertThat(transposed.toArray()).containsExactly(1, 0, -2, 1.5f, 0.5f, -0.25f);
            }
        }
        // 0x38 is 1 in E4M3 (exponent 7, bias 7), 0x3c is 1 in E5M2 (exponent 15, bias 15)
        try (Checkpoint checkpoint = Checkpoint.open(write("e4m3", DType.F8_E4M3, 1, 2, 0x38, 0x01));
                FloatMatrix matrix = checkpoint.matrix("w")) {
            assertThat(matrix.toArray()).containsExactly(1, 0x1p-9f);
        }
        try (Checkpoint checkpoint = Checkpoint.open(write("e5m2", DType.F8_E5M2, 1, 2, 0x3c, 0x01));
                FloatMatrix matrix = checkpoint.matrix("w")) {
            assertThat(matrix.toArray()).containsExactly(1, 0x1p-16f);
        }
    }

    @Test
    void emptyMatricesAreMatrices() {
        try (Checkpoint checkpoint = Checkpoint.open(write("empty", DType.BF16, 0, 5));
                FloatMatrix straight = checkpoint.matrix("w");
                FloatMatrix transposed = checkpoint.matrix("w", true)) {
            assertThat(straight.size()).isZero();
            assertThat(transposed.rows()).isEqualTo(5);
        }
    }

    @Test
    void aWeightThatIsNotFiniteIsNamed() {
        double[][] bad = {{0, 0, 0, 0, 0, Double.NaN}, {0, 0, 0, 0, Double.NEGATIVE_INFINITY, Double.NaN}};
        for (DType type : List.of(DType.F64, DType.F32, DType.F16, DType.BF16)) {
            for (double[] values : bad) {
                int first = Double.isNaN(values[4]) || Double.isInfinite(values[4]) ? 4 : 5;
                Path file = write("bad", type, 2, 3, values);
                try (Checkpoint checkpoint = Checkpoint.open(file)) {
                    for (boolean transposed : new boolean[] {false, true}) {
                        MalformedFileException e = catchThrowableOfType(
                                MalformedFileException.class, () -> checkpoint.matrix("w", transposed));
                        assertThat(e.reason()).isEqualTo(Reason.NON_FINITE);
                        assertThat(e)
                                .hasMessageContaining("\"w\"")
                                .hasMessageContaining("row 1, column " + (first - 3));
                        assertThat(e.byteOffset())
                                .isEqualTo(checkpoint.info("w").offsetBytes() + (long) first * type.bytes());
                    }
                }
            }
        }
        try (Checkpoint checkpoint = Checkpoint.open(write("large", DType.F64, 1, 1, 1e300))) {
            assertThatThrownBy(() -> checkpoint.matrix("w")).hasMessageContaining("32-bit range");
        }
    }

    @Test
    void whatIsNoMatrixIsRefusedAsOne() {
        new Folder(path)
                .tensors(
                        "model.safetensors",
                        List.of(new Entry("ids", DType.I64, List.of(2L, 2L)), new Entry("v", DType.F32, List.of(4L))));
        try (Checkpoint checkpoint = Checkpoint.open(path)) {
            for (String name : checkpoint.names()) {
                assertThatThrownBy(() -> checkpoint.matrix(name))
                        .isInstanceOf(InvalidRequestException.class)
                        .hasMessageContaining("two-dimensional weight");
            }
        }
    }

    @Test
    void rawBytesAreCopiedAndMapped() throws IOException {
        Path file = write("raw", DType.F16, 2, 2, 1, 2, 3, 4);
        byte[] expected = {0, 0x3c, 0, 0x40, 0, 0x42, 0, 0x44};
        try (Checkpoint checkpoint = Checkpoint.open(file);
                Arena arena = Arena.ofConfined()) {
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            checkpoint.copyTo("w", Channels.newChannel(out));
            assertThat(out.toByteArray()).isEqualTo(expected);
            MemorySegment mapped = checkpoint.map("w", arena);
            assertThat(mapped.isReadOnly()).isTrue();
            assertThat(mapped.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(expected);
        }
    }

    @Test
    void theDigestFollowsNamesAndContents() throws IOException {
        Folder folder = new Folder(path).shard("model.safetensors", "t").text("tokenizer.json", "{}");
        String first = digest();
        assertThat(first).hasSize(64).isEqualTo(digest());
        folder.text("tokenizer.json", "{\"x\":1}");
        assertThat(digest()).as("the tokenizer decides no weight").isEqualTo(first);
        folder.text("config.json", "{}");
        String withConfig = digest();
        assertThat(withConfig).isNotEqualTo(first);
        byte[] bytes = Files.readAllBytes(path.resolve("model.safetensors"));
        bytes[bytes.length - 1] ^= 1;
        folder.bytes("model.safetensors", bytes);
        assertThat(digest()).isNotEqualTo(withConfig);
        Files.move(path.resolve("model.safetensors"), path.resolve("other.safetensors"));
        String renamed = digest();
        bytes[bytes.length - 1] ^= 1;
        folder.bytes("other.safetensors", bytes);
        assertThat(digest()).isNotEqualTo(withConfig).isNotEqualTo(renamed);
    }

    private String digest() {
        try (Checkpoint checkpoint = Checkpoint.open(path)) {
            return checkpoint.digest();
        }
    }

    @Test
    void theDigestIsWhatItsDescriptionSays() throws IOException {
        new Folder(path).shard("b.safetensors", "t").shard("a.safetensors", "u").text("config.json", "{}");
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (String name : List.of("a.safetensors", "b.safetensors", "config.json")) {
            byte[] content = Files.readAllBytes(path.resolve(name));
            all.writeBytes(name.getBytes(StandardCharsets.UTF_8));
            all.write(0);
            all.writeBytes(ByteBuffer.allocate(8)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(content.length)
                    .array());
            all.writeBytes(content);
        }
        assertThat(digest()).isEqualTo(Digest.sha256(all.toByteArray()));
    }

    @Test
    void r6TensorsBeyond32BitsAreAddressed() throws IOException {
        // 2^31 + 1 bytes, more than 2^32 elements, then a matrix beyond 4 GiB; sparse, so nothing of that is on the
        // disk
        long odd = (1L << 31) + 1;
        long wide = (1L << 16) * ((1L << 16) + 1);
        String json = "{\"odd\":{\"dtype\":\"U8\",\"shape\":[" + odd + "],\"data_offsets\":[0," + odd + "]},"
                + "\"wide\":{\"dtype\":\"F8_E4M3\",\"shape\":[65536,65537],\"data_offsets\":[" + odd + ","
                + (odd + wide)
                + "]},\"w\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[" + (odd + wide) + ","
                + (odd + wide + 16)
                + "]}}";
        Path file = path.resolve("sparse.safetensors");
        byte[] header = json.getBytes(StandardCharsets.UTF_8);
        try (RandomAccessFile out = new RandomAccessFile(file.toFile(), "rw")) {
            out.writeLong(Long.reverseBytes(header.length));
            out.write(header);
            long data = out.getFilePointer();
            out.setLength(data + odd + wide + 16);
            out.seek(data + odd + wide - 1);
            out.write(0x38);
            out.writeInt(Integer.reverseBytes(Float.floatToRawIntBits(7)));
        }
        assumeTrue(allocatedBytes(file) < 1 << 24, "this file system has no sparse files");
        try (Checkpoint checkpoint = Checkpoint.open(file);
                Arena arena = Arena.ofConfined();
                FloatMatrix beyond = checkpoint.matrix("w")) {
            assertThat(beyond.toArray()).containsExactly(7, 0, 0, 0);
            assertThat(checkpoint.info("odd").elements()).isEqualTo(odd);
            assertThat(checkpoint.map("odd", arena).byteSize()).isEqualTo(odd);
            MemorySegment mapped = checkpoint.map("wide", arena);
            assertThat(mapped.get(ValueLayout.JAVA_BYTE, wide - 1)).isEqualTo((byte) 0x38);
            assertThat(checkpoint.info("wide").elements()).isEqualTo(wide);
        }
    }

    private static long allocatedBytes(Path file) throws IOException {
        try {
            Process process = new ProcessBuilder("stat", "-c", "%b", file.toString()).start();
            return 512
                    * Long.parseLong(
                            new String(process.getInputStream().readAllBytes(), StandardCharsets.US_ASCII).strip());
        } catch (NumberFormatException e) {
            return Long.MAX_VALUE;
        }
    }
}
