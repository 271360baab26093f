package dev.lowbit.store;

import dev.lowbit.tensor.DType;
import java.util.List;
import java.util.Optional;

/**
 * One compressed matrix, as the manifest lists it.
 *
 * @param name the tensor's name in the source
 * @param file the weight file that holds its parts, relative to the model's directory
 * @param rows outputs
 * @param columns inputs
 * @param transposed whether the source stored it input-major, columns x rows
 * @param sourceType element type in the source
 * @param method the method that decided its numbers
 * @param format the representation's format identifier
 * @param rank rank of the low-rank term, 0 for none
 * @param error measured on the bytes written; empty when they were changed by somebody who did not have the source
 * @param shared the set of parts it has in common with other matrices, and what it is charged for it; empty without one
 * @param parts its own stored tensors in the order of the representation
 */
public record MatrixEntry(
        String name,
        String file,
        int rows,
        int columns,
        boolean transposed,
        DType sourceType,
        String method,
        String format,
        int rank,
        Optional<MeasuredError> error,
        Optional<SharedUse> shared,
        List<PartEntry> parts)
        implements PartOwner {
    public MatrixEntry {
        parts = List.copyOf(parts);
    }

    /** The same matrix with other content: what was measured on it, and its parts with other digests. */
    MatrixEntry with(Optional<MeasuredError> newError, List<PartEntry> newParts) {
        return new MatrixEntry(
                name, file, rows, columns, transposed, sourceType, method, format, rank, newError, shared, newParts);
    }

    @Override
    public String owner() {
        return name;
    }

    /** The same matrix, charged for what it shares. */
    MatrixEntry charged(long sharedBytes) {
        Optional<SharedUse> use = shared.map(set -> new SharedUse(set.id(), sharedBytes));
        return new MatrixEntry(
                name, file, rows, columns, transposed, sourceType, method, format, rank, error, use, parts);
    }

    /** Stored bytes of all its own parts, and its charge for those that it shares. */
    public long bytes() {
        return ownBytes() + shared.map(SharedUse::bytes).orElse(0L);
    }

    /** rows * columns. */
    public long weights() {
        return (long) rows * columns;
    }

    /** Stored bits per weight, everything counted. */
    public double bitsPerWeight() {
        return 8.0 * bytes() / weights();
    }
}
