package dev.lowbit.checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;

/**
 * Reads a safetensors file front to back through a stream: no mapping, no known size, a tokenizer of its own. Whoever reads
 * all bytes anyway (to digest them) gets a second, independent look at the listing.
 */
final class SafetensorsStream {
    private SafetensorsStream() {}

    /**
     * Reads {@code stream} to its end.
     *
     * @param file for messages and tensor records
     * @param stream not closed
     * @return the checked header
     * @throws MalformedFileException as {@link SafetensorsFile#open}
     */
    static SafetensorsHeader read(Path file, InputStream stream, Limits limits) throws IOException {
        byte[] length = stream.readNBytes(SafetensorsHeader.LENGTH_BYTES);
        SafetensorsHeader.requireLengthField(file, length.length);
        long headerBytes =
                ByteBuffer.wrap(length).order(ByteOrder.LITTLE_ENDIAN).getLong();
        if (headerBytes < 0 || headerBytes > limits.maxHeaderBytes()) {
            byte[] more = stream.readNBytes(FileHint.LENGTH - length.length);
            byte[] first = ByteBuffer.allocate(length.length + more.length)
                    .put(length)
                    .put(more)
                    .array();
            long fileBytes = first.length + drain(stream);
            SafetensorsHeader.checkLength(file, headerBytes, fileBytes, first, limits);
        }
        Bounded json = new Bounded(file, stream, headerBytes);
        SafetensorsHeader header;
        long dataStart = SafetensorsHeader.LENGTH_BYTES + headerBytes;
        try (JsonTokens tokens = new ByteTokens(file, limits, SafetensorsHeader.LENGTH_BYTES, json)) {
            header = SafetensorsHeader.parse(tokens, dataStart);
        } catch (MalformedFileException e) {
            // a file that ends before its header does is an interrupted download, whatever its last bytes look like
            json.skipNBytes(json.remaining);
            throw e;
        }
        header.checkLayout(file, dataStart, drain(stream));
        return header;
    }

    private static long drain(InputStream stream) throws IOException {
        long bytes = 0;
        byte[] chunk = new byte[1 << 16];
        for (int n = stream.read(chunk); n >= 0; n = stream.read(chunk)) {
            bytes += n;
        }
        return bytes;
    }

    /** The first {@code remaining} bytes of a stream, which must have them. */
    private static final class Bounded extends InputStream {
        private final Path file;
        private final InputStream stream;
        private final long length;
        private long remaining;

        Bounded(Path file, InputStream stream, long length) {
            this.file = file;
            this.stream = stream;
            this.length = length;
            this.remaining = length;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] target, int from, int count) throws IOException {
            if (remaining == 0) {
                return -1;
            }
            int n = stream.read(target, from, (int) Math.min(count, remaining));
            if (n < 0) {
                throw SafetensorsHeader.truncated(file, length, SafetensorsHeader.LENGTH_BYTES + length - remaining);
            }
            remaining -= n;
            return n;
        }
    }
}
