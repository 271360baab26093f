package dev.lowbit.store;

import dev.lowbit.checkpoint.SafetensorsWriter;
import java.util.List;
import java.util.Map;

/**
 * One safetensors file of the output, before there is data.
 *
 * @param name path relative to the output
 * @param metadata the source file's own, carried over
 * @param tensors in data order
 */
record WeightFile(String name, Map<String, String> metadata, List<StoredTensor> tensors) {
    WeightFile {
        tensors = tensors.stream().sorted(StoredTensor.FILE_ORDER).toList();
    }

    List<SafetensorsWriter.Entry> entries() {
        return tensors.stream().map(StoredTensor::entry).toList();
    }

    long dataBytes() {
        return entries().stream().mapToLong(SafetensorsWriter.Entry::bytes).sum();
    }

    /** Exact size, header included. */
    long bytes() {
        return SafetensorsWriter.headerBytes(metadata, entries()) + dataBytes();
    }
}
