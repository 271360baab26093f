package dev.lowbit.jobs.demo;

import dev.lowbit.checkpoint.AtomicOutput;
import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.jobs.JsonOutput;
import dev.lowbit.kernel.Conversions;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Writes a checkpoint that nobody trained: Llama names and shapes, made-up weights (see {@link SyntheticWeights}), the same
 * bytes for the same sizes and seed. It holds one matrix in memory at a time, so it can be larger than memory.
 */
public final class SyntheticCheckpoint {
    private static final Map<String, String> METADATA = Map.of("format", "pt");

    private final SyntheticModel model;
    private final SyntheticWeights weights;
    private final Workers workers;

    private SyntheticCheckpoint(SyntheticModel model, long seed, Workers workers) {
        this.model = model;
        this.weights = new SyntheticWeights(seed);
        this.workers = workers;
    }

    /**
     * Writes config.json and the weights into {@code directory}, which is created when absent.
     *
     * @return all weights in the model
     */
    public static long write(Path directory, SyntheticModel model, long seed, Workers workers) {
        try {
            Files.createDirectories(directory);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot create " + directory + ": " + e.getMessage(), e);
        }
        return new SyntheticCheckpoint(model, seed, workers).write(directory);
    }

    private long write(Path directory) {
        List<SafetensorsWriter.Entry> entries = entries();
        List<List<SafetensorsWriter.Entry>> shards = shards(entries);
        Map<String, String> weightMap = new LinkedHashMap<>();
        for (int i = 0; i < shards.size(); i++) {
            String file = shards.size() == 1
                    ? "model.safetensors"
                    : String.format(Locale.ROOT, "model-%05d-of-%05d.safetensors", i + 1, shards.size());
            shards.get(i).forEach(entry -> weightMap.put(entry.name(), file));
            writeShard(directory.resolve(file), shards.get(i));
        }
        if (shards.size() > 1) {
            long bytes =
                    entries.stream().mapToLong(SafetensorsWriter.Entry::bytes).sum();
            Map<String, Object> index = new LinkedHashMap<>();
            index.put("metadata", Map.of("total_size", bytes));
            index.put("weight_map", weightMap);
            AtomicOutput.writeString(directory.resolve("model.safetensors.index.json"), JsonOutput.text(index) + "\n");
        }
        AtomicOutput.writeString(
                directory.resolve("config.json"), LlamaFolder.config(model.shape(), model.type(), false));
        return entries.stream()
                .mapToLong(entry -> entry.bytes() / entry.type().bytes())
                .sum();
    }

    private void writeShard(Path file, List<SafetensorsWriter.Entry> entries) {
        try (SafetensorsWriter writer = SafetensorsWriter.create(file, METADATA, entries)) {
            for (SafetensorsWriter.Entry entry : entries) {
                writeTensor(entry, writer);
            }
            writer.finish();
        }
    }

    private void writeTensor(SafetensorsWriter.Entry entry, SafetensorsWriter writer) {
        int rows = Math.toIntExact(entry.shape().getFirst());
        if (entry.shape().size() == 1) {
            write(MemorySegment.ofArray(weights.gains(entry.name(), rows)), writer);
            return;
        }
        try (FloatMatrix matrix =
                FloatMatrix.allocate(rows, Math.toIntExact(entry.shape().getLast()))) {
            weights.fill(entry.name(), matrix, workers);
            write(matrix.segment(), writer);
        }
    }

    private void write(MemorySegment floats, SafetensorsWriter writer) {
        long count = floats.byteSize() / Float.BYTES;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment narrow = arena.allocate(count * model.type().bytes(), Float.BYTES);
            Conversions.get().narrow(model.type(), floats, 0, narrow, 0, count);
            writer.write(narrow);
        }
    }

    private List<SafetensorsWriter.Entry> entries() {
        List<SafetensorsWriter.Entry> entries = new ArrayList<>();
        LlamaFolder.shapes(model.shape(), false)
                .forEach((name, shape) -> entries.add(new SafetensorsWriter.Entry(name, model.type(), shape)));
        return entries;
    }

    private List<List<SafetensorsWriter.Entry>> shards(List<SafetensorsWriter.Entry> entries) {
        List<List<SafetensorsWriter.Entry>> shards = new ArrayList<>();
        long bytes = Long.MAX_VALUE;
        for (SafetensorsWriter.Entry entry : entries) {
            if (bytes >= model.shardBytes()) {
                shards.add(new ArrayList<>());
                bytes = 0;
            }
            shards.getLast().add(entry);
            bytes += entry.bytes();
        }
        return shards;
    }
}
