package dev.lowbit.checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The identity of a checkpoint: names and contents of what decides its weights. */
final class CheckpointDigest {
    private static final int CHUNK = 1 << 20;

    private CheckpointDigest() {}

    static String of(List<Path> weights, Optional<Path> config) {
        List<Path> files = new ArrayList<>(weights);
        config.ifPresent(files::add);
        MessageDigest digest = Digest.sha256();
        byte[] chunk = new byte[CHUNK];
        for (Path file : files) {
            try (InputStream stream = Files.newInputStream(file)) {
                digest.update(file.getFileName().toString().getBytes(StandardCharsets.UTF_8));
                digest.update((byte) 0);
                digest.update(ByteBuffer.allocate(Long.BYTES)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(Files.size(file))
                        .array());
                for (int n = stream.read(chunk); n >= 0; n = stream.read(chunk)) {
                    digest.update(chunk, 0, n);
                }
            } catch (IOException e) {
                throw new UncheckedIOException("cannot read " + file + ": " + e, e);
            }
        }
        return Digest.hex(digest);
    }
}
