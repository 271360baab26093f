package dev.lowbit.checkpoint;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Collection;
import java.util.Optional;

/** The identity of a checkpoint: names and contents of what decides its weights. */
final class CheckpointDigest {
    private CheckpointDigest() {}

    static String of(Collection<SafetensorsFile> shards, Optional<ModelConfig> config) {
        MessageDigest digest = Digest.sha256();
        for (SafetensorsFile shard : shards) {
            begin(digest, shard.path(), shard.size());
            shard.digest(digest);
        }
        config.ifPresent(c -> {
            begin(digest, c.file(), c.text().length);
            digest.update(c.text());
        });
        return Digest.hex(digest);
    }

    private static void begin(MessageDigest digest, Path file, long size) {
        digest.update(file.getFileName().toString().getBytes(StandardCharsets.UTF_8));
        digest.update((byte) 0);
        digest.update(ByteBuffer.allocate(Long.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(size)
                .array());
    }
}
