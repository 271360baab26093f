package dev.lowbit.linalg;

import dev.lowbit.kernel.Workers;

/**
 * Truncated singular value decomposition by a random sketch (Halko, Martinsson, Tropp): width q = rank + oversampling, then
 * power iterations, then the exact problem within the subspace found. {@code 2 * powerIterations + 2} products of width q.
 */
public final class RandomizedSvd {
    private RandomizedSvd() {}

    /**
     * Writes the approximation of {@code map} whose rank is that of {@code out}.
     *
     * @param out modified (overwritten by balanced factors, largest singular value first)
     * @param oversampling vectors beyond the rank; fewer where the matrix has no more
     * @param powerIterations more are more accurate where singular values fall slowly
     * @param stream source of the random start
     * @return the singular values that belong to {@code out}, descending
     */
    public static double[] of(
            LinearMap map, LowRank out, int oversampling, int powerIterations, RandomStream stream, Workers workers) {
        int width = Math.min(out.rank() + oversampling, Math.min(map.rows(), map.columns()));
        if (width == 0 || out.rank() == 0) {
            return new double[0];
        }
        try (SubspaceIteration iteration = new SubspaceIteration(map.rows(), map.columns(), width, stream)) {
            for (int i = 0; i < powerIterations; i++) {
                iteration.advance(map, workers);
            }
            return iteration.approximate(map, out, workers);
        }
    }
}
