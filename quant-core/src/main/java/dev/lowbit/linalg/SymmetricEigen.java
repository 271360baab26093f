package dev.lowbit.linalg;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * All eigenvalues and eigenvectors of a symmetric matrix, {@code A = V diag(values) Vᵀ}, in double: Householder reduction to
 * tridiagonal form, then implicit QL with Wilkinson's shift (Golub and Van Loan, sections 8.3.1 and 8.3.3); about 6 n^3
 * multiply-adds. The error of a value is a few eps times the largest |value|. One thread, fixed order: same input, same bits.
 */
public final class SymmetricEigen {
    private static final int MAX_SWEEPS = 60;
    private static final int RELATIVE_SWEEPS = 30;
    private static final double EPS = 0x1p-52;

    private final int n;
    private final double[] values;
    private final double[] vectorRows;

    private SymmetricEigen(int n, double[] values, double[] vectorRows) {
        this.n = n;
        this.values = values;
        this.vectorRows = vectorRows;
    }

    /**
     * Decomposes A.
     *
     * @param a n x n, row-major, finite; only the lower triangle is read; not modified
     */
    public static SymmetricEigen of(double[] a, int n) {
        if (a.length != (long) n * n) {
            throw new IllegalArgumentException("an array of " + a.length + " is no " + n + " x " + n + " matrix");
        }
        double[] work = new double[a.length];
        double max = 0;
        for (int i = 0; i < n; i++) {
            for (int j = 0; j <= i; j++) {
                double value = a[i * n + j];
                if (!Double.isFinite(value)) {
                    throw new IllegalArgumentException(
                            "entry (" + i + ", " + j + ") is " + value + "; eigenvalues need a finite matrix");
                }
                max = Math.max(max, Math.abs(value));
                work[i * n + j] = value;
                work[j * n + i] = value;
            }
        }
        // A power of two near the largest entry: exact, and squares can neither overflow nor vanish together.
        int exponent = max == 0 ? 0 : Math.getExponent(max);
        for (int i = 0; i < work.length; i++) {
            work[i] = Math.scalb(work[i], -exponent);
        }
        double[] diagonal = new double[n];
        double[] off = new double[n];
        double[] rows = tridiagonalize(work, n, diagonal, off);
        implicitQl(diagonal, off, rows, n);
        return sorted(diagonal, rows, n, exponent);
    }

    /** Eigenvalues, descending; the decomposition's own array: do not modify. */
    public double[] values() {
        return values;
    }

    /** The eigenvectors as rows: row i (of n, row-major n x n) belongs to {@code values()[i]}; own array: do not modify. */
    public double[] vectorRows() {
        return vectorRows;
    }

    /** Component {@code row} of the unit eigenvector of {@code values()[index]}. */
    public double vector(int row, int index) {
        return vectorRows[index * n + row];
    }

    /** Reduces {@code a} (modified) to T = Qᵀ A Q with the given diagonal and off[i] = T(i, i+1); returns Qᵀ. */
    private static double[] tridiagonalize(double[] a, int n, double[] diagonal, double[] off) {
        double[] p = new double[n];
        double[] betas = new double[n];
        for (int k = 0; k + 2 < n; k++) {
            double scale = 0;
            for (int i = k + 1; i < n; i++) {
                scale = Math.max(scale, Math.abs(a[k * n + i]));
            }
            int exponent = scale == 0 ? 0 : Math.getExponent(scale);
            double norm2 = 0;
            for (int i = k + 1; i < n; i++) {
                a[k * n + i] = Math.scalb(a[k * n + i], -exponent);
                norm2 += a[k * n + i] * a[k * n + i];
            }
            double first = a[k * n + k + 1];
            double alpha = first > 0 ? -Math.sqrt(norm2) : Math.sqrt(norm2);
            off[k] = Math.scalb(alpha, exponent);
            double half = norm2 - first * alpha;
            if (half == 0) {
                continue;
            }
            a[k * n + k + 1] = first - alpha;
            betas[k] = 1 / half;
            reflectBothSides(a, n, k, betas[k], p);
        }
        if (n > 1) {
            off[n - 2] = a[(n - 2) * n + n - 1];
        }
        for (int i = 0; i < n; i++) {
            diagonal[i] = a[i * n + i];
        }
        return accumulate(a, n, betas);
    }

    /** A = H A H for the trailing block, H = I - beta v vᵀ, v in row k right of the diagonal. */
    private static void reflectBothSides(double[] a, int n, int k, double beta, double[] p) {
        int v = k * n;
        Arrays.fill(p, k + 1, n, 0);
        for (int j = k + 1; j < n; j++) {
            double factor = beta * a[v + j];
            int row = j * n;
            for (int i = k + 1; i < n; i++) {
                p[i] += factor * a[row + i];
            }
        }
        double dot = 0;
        for (int i = k + 1; i < n; i++) {
            dot += p[i] * a[v + i];
        }
        double half = beta * dot / 2;
        for (int i = k + 1; i < n; i++) {
            p[i] -= half * a[v + i];
        }
        for (int j = k + 1; j < n; j++) {
            double vj = a[v + j];
            double pj = p[j];
            int row = j * n;
            for (int i = k + 1; i < n; i++) {
                a[row + i] -= vj * p[i] + pj * a[v + i];
            }
        }
    }

    /** Qᵀ = H(n-3) ... H(0), each reflector applied from the right to the rows built so far, last reflector first. */
    private static double[] accumulate(double[] a, int n, double[] betas) {
        double[] q = new double[n * n];
        for (int i = 0; i < n; i++) {
            q[i * n + i] = 1;
        }
        for (int k = n - 3; k >= 0; k--) {
            if (betas[k] == 0) {
                continue;
            }
            int v = k * n;
            for (int i = k + 1; i < n; i++) {
                int row = i * n;
                double dot = 0;
                for (int j = k + 1; j < n; j++) {
                    dot += q[row + j] * a[v + j];
                }
                double factor = betas[k] * dot;
                for (int j = k + 1; j < n; j++) {
                    q[row + j] -= factor * a[v + j];
                }
            }
        }
        return q;
    }

    /**
     * An off-diagonal entry is negligible beside its neighbours on the diagonal, which keeps small eigenvalues of graded matrices accurate.
     * Where the matrix has no full rank, those neighbours may be nothing but rounding of the large entries, and so is what stands beside them:
     * after many sweeps without success, rounding of the largest entry is negligible too.
     */
    private static void implicitQl(double[] d, double[] e, double[] rows, int n) {
        double largest = 0;
        for (int i = 0; i < n; i++) {
            largest = Math.max(largest, Math.abs(d[i]) + (i < n - 1 ? Math.abs(e[i]) : 0));
        }
        for (int low = 0; low < n; low++) {
            for (int sweep = 0; ; sweep++) {
                int high = low;
                double negligible = sweep < RELATIVE_SWEEPS ? 0 : EPS * largest;
                while (high < n - 1
                        && Math.abs(e[high])
                                > Math.max(negligible, EPS * (Math.abs(d[high]) + Math.abs(d[high + 1])))) {
                    high++;
                }
                if (high == low) {
                    break;
                }
                if (sweep == MAX_SWEEPS) {
                    throw new ArithmeticException("QL iteration " + low + " of " + n + " did not converge");
                }
                chase(d, e, rows, n, low, high);
            }
        }
    }

    /** One implicitly shifted QL sweep over the unreduced block low..high. */
    private static void chase(double[] d, double[] e, double[] rows, int n, int low, int high) {
        double theta = (d[low + 1] - d[low]) / (2 * e[low]);
        double root = StrictMath.hypot(theta, 1);
        double g = d[high] - d[low] + e[low] / (theta + (theta < 0 ? -root : root));
        double sin = 1;
        double cos = 1;
        double shift = 0;
        for (int i = high - 1; i >= low; i--) {
            double f = sin * e[i];
            double b = cos * e[i];
            double r = StrictMath.hypot(f, g);
            e[i + 1] = r;
            if (r == 0) {
                d[i + 1] -= shift;
                e[high] = 0;
                return;
            }
            sin = f / r;
            cos = g / r;
            double base = d[i + 1] - shift;
            double t = (d[i] - base) * sin + 2 * cos * b;
            shift = sin * t;
            d[i + 1] = base + shift;
            g = cos * t - b;
            rotate(rows, i * n, (i + 1) * n, n, cos, sin);
        }
        d[low] -= shift;
        e[low] = g;
        e[high] = 0;
    }

    private static void rotate(double[] rows, int lower, int upper, int n, double cos, double sin) {
        for (int j = 0; j < n; j++) {
            double x = rows[lower + j];
            double y = rows[upper + j];
            rows[upper + j] = sin * x + cos * y;
            rows[lower + j] = cos * x - sin * y;
        }
    }

    private static SymmetricEigen sorted(double[] d, double[] rows, int n, int exponent) {
        int[] order = IntStream.range(0, n)
                .boxed()
                .sorted(Comparator.comparingDouble((Integer i) -> -d[i]))
                .mapToInt(Integer::intValue)
                .toArray();
        double[] values = new double[n];
        double[] sortedRows = new double[n * n];
        for (int i = 0; i < n; i++) {
            values[i] = Math.scalb(d[order[i]], exponent);
            System.arraycopy(rows, order[i] * n, sortedRows, i * n, n);
        }
        return new SymmetricEigen(n, values, sortedRows);
    }
}
