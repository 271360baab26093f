package dev.lowbit.store;

import dev.lowbit.checkpoint.Digest;
import dev.lowbit.checkpoint.TensorInfo;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A file and the tensors in it, digested in one pass.
 *
 * @param bytes size of the file
 * @param sha256 of the file
 * @param tensors of each tensor's data, by name
 */
record DigestedFile(long bytes, String sha256, Map<String, String> tensors) {
    private static final int CHUNK = 1 << 20;

    /** Reads {@code file}; {@code tensors} lie inside it, in offset order, without holes up to its end. */
    static DigestedFile of(Path file, List<TensorInfo> tensors) {
        MessageDigest whole = Digest.sha256();
        Map<String, String> digests = new HashMap<>();
        byte[] chunk = new byte[CHUNK];
        try (InputStream stream = Files.newInputStream(file)) {
            long header = tensors.isEmpty() ? 0 : tensors.getFirst().offsetBytes();
            long bytes = digest(stream, header, chunk, whole, whole);
            for (TensorInfo tensor : tensors) {
                MessageDigest own = Digest.sha256();
                bytes += digest(stream, tensor.byteSize(), chunk, whole, own);
                digests.put(tensor.name(), Digest.hex(own));
            }
            bytes += digest(stream, Long.MAX_VALUE, chunk, whole, whole);
            return new DigestedFile(bytes, Digest.hex(whole), digests);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file + ": " + e, e);
        }
    }

    private static long digest(InputStream stream, long length, byte[] chunk, MessageDigest whole, MessageDigest own)
            throws IOException {
        long read = 0;
        while (read < length) {
            int n = stream.read(chunk, 0, (int) Math.min(chunk.length, length - read));
            if (n < 0) {
                break;
            }
            whole.update(chunk, 0, n);
            if (own != whole) {
                own.update(chunk, 0, n);
            }
            read += n;
        }
        return read;
    }
}
