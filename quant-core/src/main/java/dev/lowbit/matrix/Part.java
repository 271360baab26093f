package dev.lowbit.matrix;

import dev.lowbit.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * One stored tensor of a representation, in its canonical little-endian bytes: what a file holds under {@code <matrix>.<name>}.
 *
 * @param name the part's name inside its matrix, for example {@code codes} or {@code left.scale_codes}
 * @param type element type on disk
 * @param shape dimensions, row-major
 * @param bytes the canonical bytes; not modified by readers
 */
public record Part(String name, DType type, List<Long> shape, MemorySegment bytes) {
    public Part {
        shape = List.copyOf(shape);
        long elements = shape.stream().reduce(1L, Math::multiplyExact);
        if (elements * type.bits() != bytes.byteSize() * 8) {
            throw new IllegalArgumentException(
                    "part " + name + ": " + type + shape + " does not fill " + bytes.byteSize() + " bytes");
        }
    }

    /** A one-dimensional part. */
    public static Part of(String name, DType type, MemorySegment bytes) {
        return new Part(name, type, List.of(bytes.byteSize() / type.bytes()), bytes);
    }

    /** The same bytes under {@code prefix.name}: how a composed representation names the parts of its components. */
    public Part prefixed(String prefix) {
        return new Part(prefix + "." + name, type, shape, bytes);
    }
}
