package dev.lowbit.budget;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

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
    /** A prediction that promises less of a gain than this over a smaller candidate says nothing. */
    private static final double WORTH = 0.995;

    public Candidate {
        if (rank < 0 || bytes < 0 || !(error >= 0)) {
            throw new IllegalArgumentException(
                    "candidate " + format + ": rank " + rank + ", bytes " + bytes + ", error " + error);
        }
    }

    /** What is worth choosing: exact candidates undominated among themselves, predicted ones undominated by any. Ascending bytes. */
    public static List<Candidate> useful(List<Candidate> candidates) {
        List<Candidate> sorted = new ArrayList<>(candidates);
        sorted.sort(Comparator.comparingLong(Candidate::bytes)
                .thenComparingDouble(Candidate::error)
                .thenComparingInt(Candidate::rank)
                .thenComparing(Candidate::format));
        List<Candidate> kept = new ArrayList<>();
        double smallest = Double.POSITIVE_INFINITY;
        double smallestExact = Double.POSITIVE_INFINITY;
        for (Candidate candidate : sorted) {
            if (candidate.error() < (candidate.exact() ? smallestExact : smallest * WORTH)) {
                kept.add(candidate);
            }
            smallest = Math.min(smallest, candidate.error());
            smallestExact = candidate.exact() ? Math.min(smallestExact, candidate.error()) : smallestExact;
        }
        return kept;
    }
}
