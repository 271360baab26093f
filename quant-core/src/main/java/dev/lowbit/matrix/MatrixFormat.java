package dev.lowbit.matrix;

import java.util.List;
import java.util.Map;

/**
 * A way to store a matrix of a given shape: the exact list of its parts, and how to open them. Each representation has one
 * implementation, found by its identifier through {@link MatrixFormats}.
 */
public interface MatrixFormat {
    /** The identifier that {@link MatrixFormats#parse} turns back into this format. */
    String id();

    /** Rank of the low-rank term, 0 where there is none. */
    default int rank() {
        return 0;
    }

    /** Whether matrices of this shape can be stored so; most formats know all. */
    default boolean suits(int rows, int columns) {
        return true;
    }

    /** Names of the parts that several matrices of this format may have in common, for example a codebook; in their fixed order. */
    default List<String> shareable() {
        return List.of();
    }

    /** Names, types and shapes of all parts, in their fixed order. */
    List<PartSpec> layout(int rows, int columns);

    /**
     * Opens a stored matrix. Types, shapes and sizes have been compared with {@link #layout}; this checks values.
     *
     * @param parts by name; their bytes are used, not copied
     * @throws MalformedPartException when a value cannot be
     */
    QuantizedMatrix read(int rows, int columns, Map<String, Part> parts);

    /** Exact stored bytes of all parts. */
    default long bytes(int rows, int columns) {
        long total = 0;
        for (PartSpec part : layout(rows, columns)) {
            total = Math.addExact(total, part.bytes());
        }
        return total;
    }

    /** Exact stored bytes of the parts that {@link #shareable} names; matrices of all shapes have them alike. */
    default long shareableBytes(int rows, int columns) {
        return layout(rows, columns).stream()
                .filter(part -> shareable().contains(part.name()))
                .mapToLong(PartSpec::bytes)
                .sum();
    }
}
