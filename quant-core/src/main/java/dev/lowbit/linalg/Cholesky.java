package dev.lowbit.linalg;

import dev.lowbit.kernel.Workers;

/**
 * The factor of a symmetric positive definite matrix, {@code A = L Lᵀ} with L lower triangular, in double; n^3/3 multiply-adds.
 *
 * <p>A matrix that is not numerically positive definite is an expected outcome (damping it is the caller's business), so
 * {@link #of} returns it as a value: {@code switch (Cholesky.of(a, n)) { case Cholesky c -> ...; case
 * NotPositiveDefinite failure -> ... }}.
 */
public final class Cholesky implements CholeskyOutcome {
    /** Columns of a panel; part of the definition of the result. */
    private static final int BLOCK = 64;

    private final int n;
    private final double[] lower;

    private Cholesky(int n, double[] lower) {
        this.n = n;
        this.lower = lower;
    }

    /** {@link #of(double[], int, Workers)} on the calling thread. */
    public static CholeskyOutcome of(double[] a, int n) {
        return of(a, n, Workers.serial());
    }

    /**
     * Factors A in panels of {@value #BLOCK} columns from left to right: a panel less the product of the panels before it, sums as
     * {@link DoubleGemm} defines them, then its own columns one by one. The bits don't depend on the workers.
     *
     * @param a n x n, row-major; only the lower triangle is read; not modified
     */
    public static CholeskyOutcome of(double[] a, int n, Workers workers) {
        if (a.length != (long) n * n) {
            throw new IllegalArgumentException("an array of " + a.length + " is no " + n + " x " + n + " matrix");
        }
        double[] l = new double[a.length];
        for (int i = 0; i < n; i++) {
            System.arraycopy(a, i * n, l, i * n, i + 1);
        }
        for (int start = 0; start < n; start += BLOCK) {
            int end = Math.min(n, start + BLOCK);
            subtractProductOfPanelsBefore(l, n, start, end, workers);
            NotPositiveDefinite failure = factorDiagonalBlock(l, n, start, end);
            if (failure != null) {
                return failure;
            }
            solveBelow(l, n, start, end, workers);
        }
        return new Cholesky(n, l);
    }

    /** l[start.., start..end) -= l[start.., 0..start) l[start..end, 0..start)ᵀ, below the diagonal. */
    private static void subtractProductOfPanelsBefore(double[] l, int n, int start, int end, Workers workers) {
        if (start == 0) {
            return;
        }
        DoubleGemm.Source all = DoubleGemm.of(l, n);
        DoubleGemm.Source transposed = DoubleGemm.ofTransposed(l, n);
        DoubleGemm.multiply(
                (row, column, rows, columns, out, stride) -> all.load(start + row, column, rows, columns, out, stride),
                n - start,
                (row, column, rows, columns, out, stride) ->
                        transposed.load(row, start + column, rows, columns, out, stride),
                end - start,
                start,
                DoubleGemm.Part.LOWER,
                (row, column, rows, columns, block, stride) -> {
                    for (int i = 0; i < rows; i++) {
                        int to = (start + row + i) * n + start + column;
                        int width = Math.min(columns, row + i + 1 - column);
                        for (int j = 0; j < width; j++) {
                            l[to + j] -= block[i * stride + j];
                        }
                    }
                },
                workers);
    }

    /** Factors the block in place; null when it is positive definite. */
    private static NotPositiveDefinite factorDiagonalBlock(double[] l, int n, int start, int end) {
        for (int i = start; i < end; i++) {
            for (int j = start; j <= i; j++) {
                double sum = l[i * n + j];
                for (int k = start; k < j; k++) {
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
        return null;
    }

    /** Rows below the diagonal block: x Lᵀ = c. By columns of x, so that the inner loop has no sum and runs over neighbours. */
    private static void solveBelow(double[] l, int n, int start, int end, Workers workers) {
        int width = end - start;
        double[] upper = new double[width * width];
        for (int k = 0; k < width; k++) {
            for (int j = k; j < width; j++) {
                upper[k * width + j] = l[(start + j) * n + start + k];
            }
        }
        workers.forEach(Math.ceilDiv(n - end, BLOCK), task -> {
            double[] x = new double[width];
            int last = Math.min(n, end + (task + 1) * BLOCK);
            for (int i = end + task * BLOCK; i < last; i++) {
                System.arraycopy(l, i * n + start, x, 0, width);
                for (int k = 0; k < width; k++) {
                    double value = x[k] / upper[k * width + k];
                    x[k] = value;
                    for (int j = k + 1; j < width; j++) {
                        x[j] -= value * upper[k * width + j];
                    }
                }
                System.arraycopy(x, 0, l, i * n + start, width);
            }
        });
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

    /** {@link #lowerInverse(Workers)} on the calling thread. */
    public double[] lowerInverse() {
        return lowerInverse(Workers.serial());
    }

    /**
     * L⁻¹, n x n row-major, lower triangular; a new array. Block row by block row: with T the inverse of the rows above, rows of the
     * block B = [L₁ L₂] become -L₂⁻¹ L₁ T, then L₂⁻¹. n^3/6 multiply-adds; the bits don't depend on the workers.
     */
    public double[] lowerInverse(Workers workers) {
        double[] inverse = new double[lower.length];
        DoubleGemm.Source factor = DoubleGemm.of(lower, n);
        DoubleGemm.Source above = DoubleGemm.of(inverse, n);
        for (int start = 0; start < n; start += BLOCK) {
            int first = start;
            int end = Math.min(n, start + BLOCK);
            workers.forEach(Math.ceilDiv(start, BLOCK), task -> {
                // Columns from here on are zero in the rows before, so the sum starts here too.
                int from = task * BLOCK;
                DoubleGemm.multiply(
                        (row, column, rows, columns, out, stride) ->
                                factor.load(first + row, from + column, rows, columns, out, stride),
                        end - first,
                        (row, column, rows, columns, out, stride) ->
                                above.load(from + row, from + column, rows, columns, out, stride),
                        Math.min(BLOCK, first - from),
                        first - from,
                        DoubleGemm.Part.ALL,
                        (row, column, rows, columns, block, stride) -> {
                            for (int i = 0; i < rows; i++) {
                                int to = (first + row + i) * n + from + column;
                                for (int j = 0; j < columns; j++) {
                                    inverse[to + j] = -block[i * stride + j];
                                }
                            }
                        },
                        Workers.serial());
                solveRows(inverse, first, end, from, Math.min(first, from + BLOCK));
            });
            for (int i = start; i < end; i++) {
                inverse[i * n + i] = 1;
            }
            solveRows(inverse, start, end, start, end);
        }
        return inverse;
    }

    /** Replaces Y = x[first..end, from..to) by the solution of L₂ X = Y, L₂ the diagonal block of these rows. */
    private void solveRows(double[] x, int first, int end, int from, int to) {
        for (int i = first; i < end; i++) {
            int row = i * n;
            for (int k = first; k < i; k++) {
                double factor = lower[row + k];
                int other = k * n;
                for (int j = from; j < to; j++) {
                    x[row + j] -= factor * x[other + j];
                }
            }
            double pivot = lower[row + i];
            for (int j = from; j < to; j++) {
                x[row + j] /= pivot;
            }
        }
    }

    /** A⁻¹ = L⁻ᵀ L⁻¹, n x n row-major, exactly symmetric; a new array. */
    public double[] inverse() {
        double[] half = lowerInverse();
        double[] inverse = new double[lower.length];
        DoubleGemm.multiply(
                DoubleGemm.ofTransposed(half, n),
                n,
                DoubleGemm.of(half, n),
                n,
                n,
                DoubleGemm.Part.LOWER,
                (row, column, rows, columns, block, stride) -> {
                    for (int i = 0; i < rows; i++) {
                        for (int j = 0; j < Math.min(columns, row + i + 1 - column); j++) {
                            inverse[(row + i) * n + column + j] = block[i * stride + j];
                            inverse[(column + j) * n + row + i] = block[i * stride + j];
                        }
                    }
                },
                Workers.serial());
        return inverse;
    }

    private void requireLength(double[] b) {
        if (b.length != n) {
            throw new IllegalArgumentException("the right-hand side has " + b.length + " values, the matrix " + n);
        }
    }
}
