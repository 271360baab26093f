package dev.lowbit.checkpoint;

import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.security.MessageDigest;
import java.util.function.LongConsumer;

/** Passes a tensor's data on to the file under way and digests it. The writer belongs to who opened it. */
public final class DigestingChannel implements WritableByteChannel {
    private final SafetensorsWriter writer;
    private final LongConsumer progress;
    private final MessageDigest digest = Digest.sha256();

    /** @param progress is told how many bytes have passed since it was told last */
    public DigestingChannel(SafetensorsWriter writer, LongConsumer progress) {
        this.writer = writer;
        this.progress = progress;
    }

    @Override
    public int write(ByteBuffer data) {
        int length = data.remaining();
        digest.update(data.duplicate());
        writer.write(data);
        progress.accept(length);
        return length;
    }

    /** Lower-case hex SHA-256 of all that has passed; the next byte starts another. */
    public String hex() {
        return Digest.hex(digest);
    }

    @Override
    public boolean isOpen() {
        return true;
    }

    @Override
    public void close() {}
}
