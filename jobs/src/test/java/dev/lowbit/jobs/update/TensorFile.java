package dev.lowbit.jobs.update;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.jobs.Tensors;
import dev.lowbit.kernel.Conversions;
import dev.lowbit.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Tensors that a test puts together or changes before it writes them as one safetensors file. */
final class TensorFile {
    private final Map<String, SafetensorsWriter.Entry> entries = new LinkedHashMap<>();
    private final Map<String, byte[]> data = new LinkedHashMap<>();

    /** All tensors of a checkpoint. */
    static TensorFile of(Path path) {
        TensorFile file = new TensorFile();
        try (Checkpoint checkpoint = Checkpoint.open(path)) {
            for (String name : checkpoint.names()) {
                TensorInfo info = checkpoint.info(name);
                file.entries.put(name, new SafetensorsWriter.Entry(name, info.type(), info.shape()));
                file.data.put(name, Tensors.raw(checkpoint, name));
            }
        }
        return file;
    }

    /** The values of a tensor of a checkpoint. */
    static float[] values(Path path, String name) {
        TensorFile file = of(path);
        return file.values(name);
    }

    float[] values(String name) {
        DType type = entries.get(name).type();
        byte[] stored = data.get(name);
        MemorySegment floats = MemorySegment.ofArray(new float[stored.length / type.bytes()]);
        Conversions.get().widen(type, MemorySegment.ofArray(stored), 0, floats, 0, stored.length / type.bytes());
        return floats.toArray(ValueLayout.JAVA_FLOAT);
    }

    TensorFile put(String name, DType type, float[] values, long... shape) {
        List<Long> dimensions = Arrays.stream(shape).boxed().toList();
        entries.put(name, new SafetensorsWriter.Entry(name, type, dimensions));
        data.put(name, stored(type, values));
        return this;
    }

    /** The same tensor with other values. */
    TensorFile replace(String name, float[] values) {
        data.put(name, stored(entries.get(name).type(), values));
        return this;
    }

    /** The same tensor, every value a little different. */
    TensorFile nudge(String name, long seed) {
        float[] values = values(name);
        Random random = new Random(seed);
        for (int i = 0; i < values.length; i++) {
            values[i] += (float) (0.01 * random.nextGaussian());
        }
        return replace(name, values);
    }

    TensorFile remove(String name) {
        entries.remove(name);
        data.remove(name);
        return this;
    }

    static float[] rounded(DType type, float... values) {
        MemorySegment floats = MemorySegment.ofArray(values.clone());
        Conversions.get().widen(type, MemorySegment.ofArray(stored(type, values)), 0, floats, 0, values.length);
        return floats.toArray(ValueLayout.JAVA_FLOAT);
    }

    private static byte[] stored(DType type, float... values) {
        byte[] bytes = new byte[values.length * type.bytes()];
        Conversions.get()
                .narrow(type, MemorySegment.ofArray(values), 0, MemorySegment.ofArray(bytes), 0, values.length);
        return bytes;
    }

    static float[] gaussian(int count, long seed) {
        Random random = new Random(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (0.02 * random.nextGaussian());
        }
        return values;
    }

    Path write(Path file) {
        try (SafetensorsWriter writer =
                SafetensorsWriter.create(file, Map.of("format", "pt"), List.copyOf(entries.values()))) {
            data.values().forEach(bytes -> writer.write(MemorySegment.ofArray(bytes)));
            writer.finish();
        }
        return file;
    }
}
