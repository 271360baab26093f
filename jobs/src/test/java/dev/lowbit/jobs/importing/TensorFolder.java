package dev.lowbit.jobs.importing;

import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Tensors that a test changes before it writes them as a model in one file beside a configuration. */
class TensorFolder {
    final Map<String, SafetensorsWriter.Entry> entries = new LinkedHashMap<>();
    final Map<String, MemorySegment> data = new LinkedHashMap<>();

    final void put(String name, DType type, MemorySegment bytes, long... shape) {
        List<Long> dimensions = Arrays.stream(shape).boxed().toList();
        entries.put(name, new SafetensorsWriter.Entry(name, type, dimensions));
        data.put(name, bytes);
    }

    /** A tensor of zeros. */
    final void put(String name, DType type, long... shape) {
        long bytes = Arrays.stream(shape).reduce(type.bytes(), Math::multiplyExact);
        put(name, type, MemorySegment.ofArray(new byte[Math.toIntExact(bytes)]), shape);
    }

    final void remove(String name) {
        entries.remove(name);
        data.remove(name);
    }

    final Path write(Path model, String configFile, String config) throws IOException {
        Files.createDirectory(model);
        try (SafetensorsWriter writer =
                SafetensorsWriter.create(model.resolve("model.safetensors"), Map.of(), List.copyOf(entries.values()))) {
            data.values().forEach(writer::write);
            writer.finish();
        }
        Files.writeString(model.resolve(configFile), config);
        return model;
    }
}
