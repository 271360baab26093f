package dev.lowbit.checkpoint;

import dev.lowbit.tensor.DType;
import java.nio.file.Path;
import java.util.List;

/**
 * Where one tensor lies and what it is.
 *
 * @param name its name, unique in a checkpoint
 * @param type element type on disk
 * @param shape dimensions, row-major; empty for a scalar
 * @param file the file that holds it
 * @param offsetBytes first byte, counted from the start of the file
 * @param byteSize bytes of its data
 */
public record TensorInfo(String name, DType type, List<Long> shape, Path file, long offsetBytes, long byteSize) {
    public TensorInfo {
        shape = List.copyOf(shape);
    }

    /** Number of elements. */
    public long elements() {
        return byteSize / type.bits() * 8 + byteSize % type.bits() * 8 / type.bits();
    }

    /** Whether it is a matrix that {@link Checkpoint#matrix(String)} reads: two dimensions of a weight type. */
    public boolean isMatrix() {
        return shape.size() == 2 && type.isWeight();
    }
}
