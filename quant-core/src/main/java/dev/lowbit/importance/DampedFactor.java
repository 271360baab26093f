package dev.lowbit.importance;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Cholesky;

/**
 * H + λ I = L Lᵀ with as little on the diagonal as makes H positive definite beyond rounding.
 *
 * @param cholesky L
 * @param damping the share of the mean diagonal that was needed
 * @param lambda λ, that share of it
 */
public record DampedFactor(Cholesky cholesky, double damping, double lambda) {
    private static final double DAMPING_STEP = 10;
    private static final double MOST_DAMPING = 1;

    /**
     * Factors with the least of damping, 10 damping ... 1 that is enough.
     *
     * @param matrix H, n x n, row-major; only the lower triangle is read; its diagonal is modified: λ is added
     * @param damping share of the mean diagonal to begin with, above 0
     * @throws InvalidRequestException (impossible) when not even 1 is enough
     */
    public static DampedFactor of(double[] matrix, int n, double damping, Workers workers) {
        double[] diagonal = new double[n];
        double sum = 0;
        for (int i = 0; i < n; i++) {
            diagonal[i] = matrix[i * n + i];
            sum += diagonal[i];
        }
        double mean = sum / Math.max(1, n);
        for (double share = damping; ; share = Math.min(MOST_DAMPING, DAMPING_STEP * share)) {
            double lambda = share * mean;
            for (int i = 0; i < n; i++) {
                matrix[i * n + i] = diagonal[i] + lambda;
            }
            if (Cholesky.of(matrix, n, workers) instanceof Cholesky cholesky && isBeyondRounding(cholesky, matrix)) {
                return new DampedFactor(cholesky, share, lambda);
            }
            if (share >= MOST_DAMPING) {
                throw InvalidRequestException.impossible(
                        "the second moment of the inputs is not positive semidefinite: " + "damping " + share
                                + " does not mend it; calibrate again");
            }
        }
    }

    /** Whether no pivot is as small as the rounding errors of the factorization may be. */
    private static boolean isBeyondRounding(Cholesky factor, double[] matrix) {
        int n = factor.n();
        double largest = 0;
        double smallestPivot = Double.POSITIVE_INFINITY;
        for (int i = 0; i < n; i++) {
            double root = factor.lower()[i * n + i];
            largest = Math.max(largest, matrix[i * n + i]);
            smallestPivot = Math.min(smallestPivot, root * root);
        }
        return smallestPivot > n * Math.ulp(largest);
    }
}
