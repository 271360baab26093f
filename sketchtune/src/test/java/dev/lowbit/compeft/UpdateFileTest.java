package dev.lowbit.compeft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class UpdateFileTest {
    private static final int NAME = UpdateHeader.FIXED_BYTES + UpdateHeader.VECTOR_BYTES;

    @TempDir
    private Path folder;

    private Path file() {
        return folder.resolve("update.compeft");
    }

    private static CompressedUpdate update(ComPeftSettings settings) {
        return ComPeft.compress(
                List.of(
                        Updates.tensor("layers.0.ä.lora_A", DType.F32, List.of(8L, 100L), Updates.gaussian(1, 800)),
                        Updates.tensor("layers.0.b.lora_B", DType.BF16, List.of(50L, 8L), Updates.gaussian(2, 400)),
                        Updates.tensor("empty", DType.F16, List.of(0L, 3L)),
                        Updates.tensor("scale", DType.F64, List.of(), 0.5)),
                settings,
                Workers.serial());
    }

    private CompressedUpdate read() {
        return UpdateFile.read(file(), Limits.defaults(), Workers.serial());
    }

    private MalformedFileException refused() {
        try {
            read();
        } catch (MalformedFileException e) {
            assertThat(e.file()).isEqualTo(file());
            assertThat(e.getMessage()).doesNotContain("\n");
            return e;
        }
        throw new AssertionError("was read");
    }

    /** Writes a file with a checksum that holds. */
    private void writeSealed(byte[] bytes) throws IOException {
        CRC32C checksum = new CRC32C();
        checksum.update(bytes, 0, bytes.length - 4);
        put(buffer(bytes).putInt(bytes.length - 4, (int) checksum.getValue()).array());
    }

    /** A new file each time: some systems bring an overwritten one to the disk when it is closed, which takes milliseconds. */
    private void put(byte[] bytes) throws IOException {
        Files.deleteIfExists(file());
        Files.write(file(), bytes);
    }

    private static ByteBuffer buffer(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private byte[] written(ComPeftSettings settings) throws IOException {
        UpdateFile.write(file(), update(settings));
        return Files.readAllBytes(file());
    }

    @ParameterizedTest
    @EnumSource(TernaryCode.class)
    void whatIsReadIsWhatWasWritten(TernaryCode code) throws IOException {
        for (Granularity granularity : Granularity.values()) {
            for (SelectionRule rule : SelectionRule.values()) {
                ComPeftSettings settings =
                        ComPeftSettings.of(0.1).with(code).with(granularity).with(rule);
                for (ComPeftSettings s : List.of(settings.withAlpha(2.5), settings.withMeanMagnitude())) {
                    CompressedUpdate update = update(s);
                    byte[] bytes = written(s);
                    assertThat(update.fileBytes()).isEqualTo(bytes.length);
                    CompressedUpdate read = read();
                    assertThat(read.settings()).isEqualTo(s);
                    assertThat(read.vectors()).isEqualTo(update.vectors());
                    assertThat(read.tensors()).isEqualTo(update.tensors());
                    assertThat(read.entropyBits() / 8).isLessThan(bytes.length);
                    UpdateFile.write(file(), read);
                    assertThat(Files.readAllBytes(file())).containsExactly(bytes);
                }
            }
        }
        assertThat(folder.toFile().list()).containsExactly("update.compeft");
    }

    @Test
    void everyDamagedByteIsNoticed() throws IOException {
        byte[] bytes = written(ComPeftSettings.of(0.05));
        for (int i = 0; i < bytes.length; i++) {
            byte[] damaged = bytes.clone();
            damaged[i] ^= (byte) (1 << i % 8);
            put(damaged);
            refused();
        }
    }

    @Test
    void everyCutIsNoticed() throws IOException {
        byte[] bytes = written(ComPeftSettings.of(0.05));
        for (int length = 0; length < bytes.length; length++) {
            put(Arrays.copyOf(bytes, length));
            assertThat(refused().reason()).isEqualTo(Reason.TRUNCATED);
        }
        put(Arrays.copyOf(bytes, bytes.length + 1));
        assertThat(refused().reason()).isEqualTo(Reason.TRAILING_BYTES);
    }

    /** Files made to deceive: their checksum holds. They are refused or read as an update, never anything else. */
    @ParameterizedTest
    @EnumSource(TernaryCode.class)
    void sealedDamageIsRefusedOrHarmless(TernaryCode code) throws IOException {
        for (Granularity granularity : Granularity.values()) {
            byte[] bytes = written(ComPeftSettings.of(0.05).with(code).with(granularity));
            RandomStream random = RandomStream.of(1, "sealed", code.name());
            for (int i = 0; i < bytes.length - 4; i++) {
                byte[] damaged = bytes.clone();
                damaged[i] ^= (byte) (1 + (random.nextLong() >>> 1) % 255);
                writeSealed(damaged);
                try {
                    CompressedUpdate update = read();
                    for (TernaryTensor tensor : update.tensors()) {
                        Updates.decode(tensor);
                    }
                } catch (MalformedFileException | UnsupportedModelException e) {
                    assertThat(e.getMessage()).doesNotContain("\n");
                }
            }
        }
    }

    private void refusedAs(Reason reason, String message, Consumer<ByteBuffer> change) throws IOException {
        byte[] bytes = written(ComPeftSettings.of(0.05));
        change.accept(buffer(bytes));
        writeSealed(bytes);
        MalformedFileException refused = refused();
        assertThat(refused).hasMessageContaining(message);
        assertThat(refused.reason()).isEqualTo(reason);
    }

    @Test
    void headersAreNotBelieved() throws IOException {
        refusedAs(Reason.DAMAGED, "unknown granularity 2", b -> b.put(12, (byte) 2));
        refusedAs(Reason.DAMAGED, "unknown scale rule 9", b -> b.put(13, (byte) 9));
        refusedAs(Reason.DAMAGED, "unknown code 255", b -> b.put(14, (byte) -1));
        refusedAs(Reason.DAMAGED, "unknown selection rule 3", b -> b.put(15, (byte) 3));
        refusedAs(Reason.DAMAGED, "density", b -> b.putDouble(16, 1.5));
        refusedAs(Reason.DAMAGED, "alpha", b -> b.putDouble(24, -1));
        refusedAs(Reason.HEADER_TOO_LARGE, "4294967295", b -> b.putInt(40, -1));
        refusedAs(Reason.HEADER_TOO_LARGE, "47", b -> b.putInt(40, 47));
        refusedAs(Reason.TOO_MANY_TENSORS, "0 tensors", b -> b.putInt(44, 0));
        refusedAs(Reason.TOO_MANY_TENSORS, "4294967295 tensors", b -> b.putInt(44, -1));
        refusedAs(Reason.SIZE_MISMATCH, "ends inside", b -> b.putInt(44, 900_000));
        refusedAs(Reason.SIZE_MISMATCH, "behind its end", b -> b.putInt(44, 3));
    }

    @Test
    void vectorsAreNotBelieved() throws IOException {
        int at = UpdateHeader.FIXED_BYTES;
        refusedAs(Reason.SIZE_MISMATCH, "non-zeros of -1", b -> b.putLong(at, -1));
        refusedAs(Reason.SIZE_MISMATCH, "are needed", b -> b.putLong(at, 1L << 50));
        refusedAs(Reason.SIZE_MISMATCH, "are needed", b -> b.putLong(at, Long.MAX_VALUE));
        refusedAs(Reason.SIZE_MISMATCH, "where there are 1202", b -> b.putLong(at, 1202));
        refusedAs(Reason.BAD_OFFSETS, "of 1200", b -> b.putLong(at, 1200));
        refusedAs(Reason.SIZE_MISMATCH, "5000 non-zeros", b -> b.putLong(at + 8, 5000));
        refusedAs(Reason.DAMAGED, "the header announces 61", b -> b.putLong(at + 8, 61));
        refusedAs(Reason.SIZE_MISMATCH, "are left", b -> b.putLong(at + 16, 1L << 40));
        refusedAs(Reason.SIZE_MISMATCH, "no payload", b -> b.putLong(at + 16, b.getLong(at + 16) - 1));
        refusedAs(Reason.DAMAGED, "deviation", b -> b.putDouble(at + 24, Double.NaN));
        refusedAs(Reason.DAMAGED, "scale", b -> b.putFloat(at + 32, -1));
        refusedAs(Reason.DAMAGED, "Rice parameter 13", b -> b.putInt(at + 36, 13));
    }

    /** The first tensor is "empty": its name, type, 2 dimensions, offset and errors. */
    @Test
    void tensorsAreNotBelieved() throws IOException {
        int behind = NAME + 2 + "empty".length();
        refusedAs(Reason.BAD_NAME, "0 bytes", b -> b.putShort(NAME, (short) 0));
        refusedAs(Reason.BAD_NAME, "65535 bytes", b -> b.putShort(NAME, (short) -1));
        refusedAs(Reason.BAD_NAME, "out of order", b -> b.put(NAME + 2, (byte) 'z'));
        refusedAs(Reason.BAD_NAME, "NUL", b -> b.put(NAME + 3, (byte) 0));
        refusedAs(Reason.BAD_UTF8, "not UTF-8", b -> b.put(NAME + 3, (byte) 0xff));
        refusedAs(Reason.UNKNOWN_DTYPE, "element type 4", b -> b.put(behind, (byte) 4));
        refusedAs(Reason.BAD_SHAPE, "9 dimensions", b -> b.put(behind + 1, (byte) 9));
        refusedAs(Reason.SIZE_OVERFLOW, "impossible shape", b -> b.putLong(behind + 2, -1));
        refusedAs(Reason.BAD_OFFSETS, "\"empty\"", b -> b.putLong(behind + 2, 1L << 40));
        refusedAs(Reason.BAD_OFFSETS, "at 7", b -> b.putLong(behind + 18, 7));
        refusedAs(Reason.DAMAGED, "energy", b -> b.putDouble(behind + 26, -1));
        refusedAs(Reason.DAMAGED, "squared error", b -> b.putDouble(behind + 34, Double.POSITIVE_INFINITY));
    }

    @Test
    void piecesAreNotBelieved() throws IOException {
        refusedAs(Reason.DAMAGED, "1202 non-zeros", b -> b.putInt(b.getInt(40), 1202));
        refusedAs(Reason.DAMAGED, "non-zeros, 59 were announced", b -> b.putInt(b.getInt(40), 59));
        refusedAs(Reason.DAMAGED, "a piece of 4294967295 bytes", b -> b.putInt(b.getInt(40) + 4, -1));
        refusedAs(Reason.DAMAGED, "a piece of 7 bytes", b -> b.putInt(b.getInt(40) + 4, 7));
        refusedAs(Reason.DAMAGED, "begins at bit 1", b -> b.putInt(b.capacity() - 12, 1));
        refusedAs(Reason.DAMAGED, "a block at bit", b -> b.putInt(b.capacity() - 8, -1));
    }

    @Test
    void namesStandOnce() throws IOException {
        UpdateFile.write(
                file(),
                ComPeft.compress(
                        List.of(Updates.tensor("a", DType.F32, 1, 2), Updates.tensor("b", DType.F32, 3)),
                        ComPeftSettings.of(0.5),
                        Workers.serial()));
        byte[] bytes = Files.readAllBytes(file());
        bytes[NAME + 2] = 'b';
        writeSealed(bytes);
        assertThat(refused().reason()).isEqualTo(Reason.DUPLICATE_NAME);
    }

    @Test
    void otherFilesAndVersionsAreNamed() throws IOException {
        byte[] bytes = written(ComPeftSettings.of(0.05));
        bytes[0] ^= 1;
        writeSealed(bytes);
        assertThat(refused()).hasMessageContaining("no ComPEFT update");
        bytes[0] ^= 1;
        writeSealed(buffer(bytes).putInt(8, 2).array());
        assertThatThrownBy(this::read)
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("version 2");
        Files.delete(file());
        assertThatThrownBy(this::read).isInstanceOf(UncheckedIOException.class).hasMessageContaining("no such file");
    }

    @Test
    void limitsHold() throws IOException {
        written(ComPeftSettings.of(0.05));
        assertThatThrownBy(() -> UpdateFile.read(file(), Limits.defaults().withMaxTensors(3), Workers.serial()))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageContaining("4 tensors");
        assertThatThrownBy(() -> UpdateFile.read(file(), Limits.defaults().withMaxHeaderBytes(100), Workers.serial()))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageContaining("48 to 100");
    }
}
