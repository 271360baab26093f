package dev.lowbit.jobs.compress;

import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Builds small checkpoints for tests: named F32 tensors with chosen or random values, in one file, without a config. */
final class SmallModel {
    private final Map<String, List<Long>> shapes = new LinkedHashMap<>();
    private final Map<String, float[]> values = new LinkedHashMap<>();

    /** Two Llama-like layers with matrices of uneven sizes, one of nearly rank 1, a norm and an embedding. */
    static SmallModel llama() {
        SmallModel model = new SmallModel();
        model.random("model.embed_tokens.weight", 50, 48, 1);
        for (int layer = 0; layer < 2; layer++) {
            String prefix = "model.layers." + layer + ".";
            model.random(prefix + "self_attn.q_proj.weight", 48, 48, 10 + layer);
            model.random(prefix + "self_attn.k_proj.weight", 24, 48, 20 + layer);
            model.random(prefix + "mlp.up_proj.weight", 100, 48, 30 + layer);
            model.random(prefix + "mlp.down_proj.weight", 48, 100, 40 + layer);
            model.vector(prefix + "input_layernorm.weight", 48);
        }
        float[] dominated = model.values("model.layers.1.mlp.up_proj.weight");
        for (int i = 0; i < dominated.length; i++) {
            dominated[i] += (float) (0.2 * Math.cos(i / 48) * Math.sin(i % 48));
        }
        return model;
    }

    /** Standard normal values times 0.05. */
    SmallModel random(String name, int rows, int columns, long seed) {
        Random random = new Random(seed);
        float[] data = new float[rows * columns];
        for (int i = 0; i < data.length; i++) {
            data[i] = (float) (0.05 * random.nextGaussian());
        }
        return matrix(name, rows, columns, data);
    }

    SmallModel matrix(String name, int rows, int columns, float... data) {
        return tensor(name, List.of((long) rows, (long) columns), data);
    }

    SmallModel vector(String name, int size) {
        float[] ones = new float[size];
        java.util.Arrays.fill(ones, 1);
        return tensor(name, List.of((long) size), ones);
    }

    SmallModel tensor(String name, List<Long> shape, float... data) {
        shapes.put(name, shape);
        values.put(name, data);
        return this;
    }

    /** Without the other layers. */
    SmallModel layer(int kept) {
        shapes.keySet().removeIf(name -> name.contains(".layers.") && !name.contains(".layers." + kept + "."));
        values.keySet().retainAll(shapes.keySet());
        return this;
    }

    SmallModel without(String name) {
        shapes.remove(name);
        values.remove(name);
        return this;
    }

    /** The values of a tensor, to be changed before {@link #write}. */
    float[] values(String name) {
        return values.get(name);
    }

    /** Writes {@code folder/model.safetensors}, in place of one that exists, and returns the folder. */
    Path write(Path folder) {
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        List<SafetensorsWriter.Entry> entries = shapes.entrySet().stream()
                .map(tensor -> new SafetensorsWriter.Entry(tensor.getKey(), DType.F32, tensor.getValue()))
                .toList();
        try (SafetensorsWriter writer =
                SafetensorsWriter.create(folder.resolve("model.safetensors"), Map.of("format", "pt"), entries)) {
            values.values().forEach(data -> writer.write(littleEndian(data)));
            writer.finish();
        }
        return folder;
    }

    private static MemorySegment littleEndian(float[] data) {
        MemorySegment bytes = MemorySegment.ofArray(new byte[data.length * Float.BYTES]);
        ValueLayout.OfFloat floats = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(java.nio.ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < data.length; i++) {
            bytes.setAtIndex(floats, i, data[i]);
        }
        return bytes;
    }
}
