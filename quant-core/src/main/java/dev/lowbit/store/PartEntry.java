package dev.lowbit.store;

import dev.lowbit.tensor.DType;
import java.util.List;

/**
 * One stored tensor of a compressed matrix, as the manifest lists it.
 *
 * @param name the part's name inside its matrix; the tensor is called {@code <matrix>.<name>}
 * @param type element type on disk
 * @param shape dimensions, row-major
 * @param bytes stored bytes
 * @param sha256 lower-case hex digest of those bytes
 */
public record PartEntry(String name, DType type, List<Long> shape, long bytes, String sha256) {
    public PartEntry {
        shape = List.copyOf(shape);
    }
}
