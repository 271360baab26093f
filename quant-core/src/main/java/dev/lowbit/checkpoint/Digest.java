package dev.lowbit.checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** SHA-256 as lower-case hex. */
public final class Digest {
    private static final int CHUNK = 1 << 20;

    private Digest() {}

    /** A fresh SHA-256. */
    public static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every JDK has SHA-256", e);
        }
    }

    /** The digest of what was fed to {@code digest}, which starts anew. */
    public static String hex(MessageDigest digest) {
        return HexFormat.of().formatHex(digest.digest());
    }

    /**
     * Digest of a file's content, streamed.
     *
     * @throws UncheckedIOException when it cannot be read
     */
    public static String sha256(Path file) {
        MessageDigest digest = sha256();
        byte[] chunk = new byte[CHUNK];
        try (InputStream stream = Files.newInputStream(file)) {
            for (int n = stream.read(chunk); n >= 0; n = stream.read(chunk)) {
                digest.update(chunk, 0, n);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file + ": " + e, e);
        }
        return hex(digest);
    }

    /** Digest of all bytes of {@code segment} (any size, not modified). */
    public static String sha256(MemorySegment segment) {
        MessageDigest digest = sha256();
        byte[] chunk = new byte[(int) Math.min(CHUNK, segment.byteSize())];
        for (long at = 0; at < segment.byteSize(); at += chunk.length) {
            int n = (int) Math.min(chunk.length, segment.byteSize() - at);
            MemorySegment.copy(segment, at, MemorySegment.ofArray(chunk), 0, n);
            digest.update(chunk, 0, n);
        }
        return hex(digest);
    }

    /** Digest of {@code bytes} (not modified). */
    public static String sha256(byte[] bytes) {
        return HexFormat.of().formatHex(sha256().digest(bytes));
    }
}
