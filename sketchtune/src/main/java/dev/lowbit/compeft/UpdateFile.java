package dev.lowbit.compeft;

import dev.lowbit.checkpoint.AtomicOutput;
import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.kernel.Workers;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.zip.CRC32C;
import java.util.zip.CheckedOutputStream;

/** Compressed updates in files, as docs/formats/compeft.md says. */
public final class UpdateFile {
    private UpdateFile() {}

    /**
     * Writes a file that appears whole or not at all, {@link CompressedUpdate#fileBytes} long. The same update gives the same bytes.
     *
     * @throws InvalidRequestException (impossible) when an update has more tensors than are read back
     * @throws UncheckedIOException when it cannot be written
     */
    public static void write(Path file, CompressedUpdate update) {
        UpdateHeader header = UpdateHeader.of(update);
        AtomicOutput.write(file, stream -> {
            CheckedOutputStream checked = new CheckedOutputStream(stream, new CRC32C());
            checked.write(header.encode());
            for (CompressedVector vector : update.vectors()) {
                Payload.write(vector.signs(), update.settings().code(), vector.riceParameter(), checked);
            }
            int checksum = (int) checked.getChecksum().getValue();
            stream.write(ByteBuffer.allocate(UpdateHeader.CHECKSUM_BYTES)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putInt(checksum)
                    .array());
        });
    }

    /**
     * Reads and checks a file. It takes the memory of two masks, which no header can make more than 256 times the size of the file.
     *
     * @throws MalformedFileException when it is not what {@link #write} writes, or holds more than {@code limits} say
     * @throws UnsupportedModelException when another version of Lowbit wrote it
     * @throws UncheckedIOException when it cannot be read
     */
    public static CompressedUpdate read(Path file, Limits limits, Workers workers) {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            return new UpdateReader(file, channel, limits, workers).read();
        } catch (NoSuchFileException e) {
            throw new UncheckedIOException("cannot read " + file + ": no such file", e);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file + ": " + e, e);
        }
    }
}
