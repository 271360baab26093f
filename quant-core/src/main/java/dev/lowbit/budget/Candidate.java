package dev.lowbit.budget;

/**
 * One way to store one matrix, with its exact size and its error.
 *
 * @param format the representation's format identifier, rank included
 * @param rank rank of the low-rank term, 0 for none
 * @param bytes exact stored bytes of all parts
 * @param error squared (weighted) error, sum over the matrix of F * (W - Ŵ)^2
 * @param exact whether the error was measured on the bytes that would be written (or bounds that from above); false for a
 *     prediction of the cost table
 */
public record Candidate(String format, int rank, long bytes, double error, boolean exact) {
    public Candidate {
        if (rank < 0 || bytes < 0 || !(error >= 0)) {
            throw new IllegalArgumentException(
                    "candidate " + format + ": rank " + rank + ", bytes " + bytes + ", error " + error);
        }
    }
}
