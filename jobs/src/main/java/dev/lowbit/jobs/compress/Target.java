package dev.lowbit.jobs.compress;

/**
 * A matrix that the job compresses.
 *
 * @param name the tensor's name in the source
 * @param rows outputs
 * @param columns inputs
 * @param transposed whether the source stores it input-major, columns x rows
 * @param sourceBytes its bytes in the source
 */
public record Target(String name, int rows, int columns, boolean transposed, long sourceBytes) {
    /** rows * columns. */
    public long weights() {
        return (long) rows * columns;
    }
}
