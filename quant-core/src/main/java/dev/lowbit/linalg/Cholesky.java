package dev.lowbit.linalg;

/**
 * The factor of a symmetric positive definite matrix, {@code A = L Lᵀ} with L lower triangular, in double; n^3/3 multiply-adds.
 *
 * <p>A matrix that is not numerically positive definite is an expected outcome (damping it is the caller's business), so
 * {@link #of} returns it as a value: {@code switch (Cholesky.of(a, n)) { case Cholesky c -> ...; case
 * NotPositiveDefinite failure -> ... }}.
 */
public final class Cholesky implements CholeskyOutcome {
    private final int n;
    private final double[] lower;

    private Cholesky(int n, double[] lower) {
        this.n = n;
        this.lower = lower;
    }

    /**
     * Factors A.
     *
     * @param a n x n, row-major; only the lower triangle is read; not modified
     */
    public static CholeskyOutcome of(double[] a, int n) {
        if (a.length != (long) n * n) {
            throw new IllegalArgumentException("an array of " + a.length + " is no " + n + " x " + n + " matrix");
        }
        double[] l = new double[a.length];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j <= i; j++) {
                double sum = a[i * n + j];
                for (int k = 0; k < j; k++) {
                    sum -= l[i * n + k] * l[j * n + k];
                }
                if (i != j) {
                    l[i * n + j] = sum / l[j * n + j];
                } else if (sum > 0 && sum < Double.POSITIVE_INFINITY) {
                    l[i * n + i] = Math.sqrt(sum);
                } else {
                    return new NotPositiveDefinite(i, sum);
                }
            }
        }
        return new Cholesky(n, l);
    }

    /** Rows and columns of A. */
    public int n() {
        return n;
    }

    /** L, n x n row-major, zeros above the diagonal; the factor's own array, not a copy: do not modify. */
    public double[] lower() {
        return lower;
    }

    /** Replaces b (n values, modified) by the solution x of L x = b. */
    public void solveLower(double[] b) {
        requireLength(b);
        for (int i = 0; i < n; i++) {
            double sum = b[i];
            for (int k = 0; k < i; k++) {
                sum -= lower[i * n + k] * b[k];
            }
            b[i] = sum / lower[i * n + i];
        }
    }

    /** Replaces b (n values, modified) by the solution x of Lᵀ x = b. */
    public void solveUpper(double[] b) {
        requireLength(b);
        for (int i = n - 1; i >= 0; i--) {
            double x = b[i] / lower[i * n + i];
            b[i] = x;
            for (int k = 0; k < i; k++) {
                b[k] -= lower[i * n + k] * x;
            }
        }
    }

    /** Replaces b (n values, modified) by the solution x of A x = b. */
    public void solve(double[] b) {
        solveLower(b);
        solveUpper(b);
    }

    /** L⁻¹, n x n row-major, lower triangular; a new array. */
    public double[] lowerInverse() {
        double[] inverse = new double[lower.length];
        for (int i = 0; i < n; i++) {
            int row = i * n;
            inverse[row + i] = 1;
            for (int k = 0; k < i; k++) {
                double factor = lower[row + k];
                for (int j = 0; j <= k; j++) {
                    inverse[row + j] -= factor * inverse[k * n + j];
                }
            }
            for (int j = 0; j <= i; j++) {
                inverse[row + j] /= lower[row + i];
            }
        }
        return inverse;
    }

    /** A⁻¹ = L⁻ᵀ L⁻¹, n x n row-major, exactly symmetric; a new array. */
    public double[] inverse() {
        double[] half = lowerInverse();
        double[] inverse = new double[lower.length];
        for (int k = 0; k < n; k++) {
            for (int i = 0; i <= k; i++) {
                double factor = half[k * n + i];
                for (int j = 0; j <= i; j++) {
                    inverse[i * n + j] += factor * half[k * n + j];
                }
            }
        }
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < i; j++) {
                inverse[j * n + i] = inverse[i * n + j];
            }
        }
        return inverse;
    }

    private void requireLength(double[] b) {
        if (b.length != n) {
            throw new IllegalArgumentException("the right-hand side has " + b.length + " values, the matrix " + n);
        }
    }
}
