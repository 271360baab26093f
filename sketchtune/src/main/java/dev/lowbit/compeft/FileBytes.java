package dev.lowbit.compeft;

import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.zip.CRC32C;

/** The bytes of a file in order, with their CRC-32C. */
final class FileBytes implements Payload.Source {
    private final Path file;
    private final FileChannel channel;
    private final CRC32C checksum = new CRC32C();
    private long position;

    FileBytes(Path file, FileChannel channel) {
        this.file = file;
        this.channel = channel;
    }

    long position() {
        return position;
    }

    /** Of all bytes read so far. */
    int checksum() {
        return (int) checksum.getValue();
    }

    /** The next bytes, which the caller knows to be there; FILE_CHANGED when they are not. */
    @Override
    public ByteBuffer read(int bytes) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
        while (buffer.hasRemaining()) {
            int read = channel.read(buffer, position);
            if (read < 0) {
                throw new MalformedFileException(
                        file, position, Reason.FILE_CHANGED, "changed while it was read: it was truncated");
            }
            position += read;
        }
        checksum.update(buffer.flip());
        return buffer.rewind();
    }
}
