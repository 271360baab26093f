package dev.lowbit.store;

import java.util.Optional;

/**
 * How one matrix of the source is to be stored: all that the exact size of the output depends on.
 *
 * @param name the tensor's name in the source
 * @param transposed whether the source stores it input-major; the compressed matrix is always outputs x inputs
 * @param method the method that decides its numbers, for example {@code lq-lora}
 * @param format the representation's format identifier, rank included
 * @param rank rank of the low-rank term, 0 for none
 * @param shared id of the set of parts that it has in common with other matrices: the format's {@link
 *     dev.lowbit.matrix.MatrixFormat#shareable}; empty for parts of its own
 */
public record MatrixChoice(
        String name, boolean transposed, String method, String format, int rank, Optional<String> shared) {
    public MatrixChoice {
        if (rank < 0) {
            throw new IllegalArgumentException(name + ": rank " + rank + " is negative");
        }
    }

    /** With parts of its own only. */
    public MatrixChoice(String name, boolean transposed, String method, String format, int rank) {
        this(name, transposed, method, format, rank, Optional.empty());
    }
}
