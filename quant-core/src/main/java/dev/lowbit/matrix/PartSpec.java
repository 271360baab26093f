package dev.lowbit.matrix;

import dev.lowbit.tensor.DType;
import java.util.List;

/**
 * What a {@link Part} will be, before there is data: all that a plan or a file header needs.
 *
 * @param name the part's name inside its matrix
 * @param type element type on disk
 * @param shape dimensions, row-major
 */
public record PartSpec(String name, DType type, List<Long> shape) {
    public PartSpec {
        shape = List.copyOf(shape);
    }

    /** A one-dimensional part. */
    public static PartSpec of(String name, DType type, long elements) {
        return new PartSpec(name, type, List.of(elements));
    }

    /** Exact stored bytes. */
    public long bytes() {
        return Math.multiplyExact(shape.stream().reduce(1L, Math::multiplyExact), (long) type.bytes());
    }

    /** The same under {@code prefix.name}. */
    public PartSpec prefixed(String prefix) {
        return new PartSpec(prefix + "." + name, type, shape);
    }
}
