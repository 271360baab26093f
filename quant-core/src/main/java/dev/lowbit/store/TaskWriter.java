package dev.lowbit.store;

import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.error.InvalidRequestException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Writes what tuning changed in a compressed model as one file, which {@link TaskFile} reads beside the model that was tuned. What the two have in
 * common is known by digests; only the parts that differ are read. The same models give the same bytes.
 */
public final class TaskWriter {
    private TaskWriter() {}

    /**
     * Writes the task; the file appears whole or not at all.
     *
     * @param base the model before
     * @param tuned the model after
     * @throws InvalidRequestException impossible, when there is no task between them ({@link TunedParts#of})
     * @throws MalformedFileException when a part of the tuned model is damaged
     * @throws UncheckedIOException when the file cannot be written
     */
    public static void write(CompressedModel base, CompressedModel tuned, Path target) {
        TunedParts parts = TunedParts.of(base, tuned);
        SortedMap<String, String> digests = new TreeMap<>();
        parts.changed().forEach((tensor, part) -> digests.put(tensor, part.sha256()));
        List<SafetensorsWriter.Entry> entries = parts.changed().entrySet().stream()
                .map(part -> new SafetensorsWriter.Entry(
                        part.getKey(), part.getValue().type(), part.getValue().shape()))
                .sorted(SafetensorsWriter.Entry.ALIGNED)
                .toList();
        try (SafetensorsWriter writer =
                SafetensorsWriter.create(target, new TaskHeader(base.digest(), digests).metadata(), entries)) {
            for (SafetensorsWriter.Entry entry : entries) {
                try (Arena arena = Arena.ofConfined()) {
                    writer.write(parts.after(entry.name(), arena));
                }
            }
            writer.finish();
        }
    }
}
