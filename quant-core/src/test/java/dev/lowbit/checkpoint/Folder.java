package dev.lowbit.checkpoint;

import dev.lowbit.checkpoint.SafetensorsWriter.Entry;
import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Makes model folders for tests.
 *
 * @param path where the files go
 */
record Folder(Path path) {
    /** A shard of F32 tensors of shape [2,3], all values 0.5. */
    Folder shard(String file, String... names) {
        List<Entry> entries = Stream.of(names)
                .map(n -> new Entry(n, DType.F32, List.of(2L, 3L)))
                .toList();
        return tensors(file, entries);
    }

    /** A shard of the given tensors, every byte of their data 0x3f. */
    Folder tensors(String file, List<Entry> entries) {
        try (SafetensorsWriter writer = SafetensorsWriter.create(path.resolve(file), Map.of(), entries)) {
            for (Entry entry : entries) {
                byte[] data = new byte[Math.toIntExact(entry.bytes())];
                java.util.Arrays.fill(data, (byte) 0x3f);
                writer.write(ByteBuffer.wrap(data));
            }
            writer.finish();
        }
        return this;
    }

    Folder text(String file, String content) {
        return bytes(file, content.getBytes(StandardCharsets.UTF_8));
    }

    Folder bytes(String file, byte[] content) {
        try {
            Files.write(path.resolve(file), content);
            return this;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** An index: tensor name, shard, tensor name, shard, ... */
    Folder index(String... namesAndShards) {
        StringBuilder json = new StringBuilder("{\"metadata\":{\"total_size\":48},\"weight_map\":{");
        for (int i = 0; i < namesAndShards.length; i += 2) {
            json.append(i == 0 ? "" : ",");
            json.append('"').append(namesAndShards[i]).append("\":\"");
            json.append(namesAndShards[i + 1].replace("\\", "\\\\").replace("\0", "\\u0000"))
                    .append('"');
        }
        return text("model.safetensors.index.json", json + "}}");
    }

    Checkpoint open() {
        return Checkpoint.open(path);
    }
}
