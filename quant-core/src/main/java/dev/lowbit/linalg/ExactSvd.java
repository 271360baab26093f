package dev.lowbit.linalg;

import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Comparator;

/**
 * Singular value decomposition by one-sided Jacobi rotations (Hestenes, with de Rijk's ordering) in double, on the calling
 * thread: the court for the faster methods, and fast enough for matrices of a few hundred rows (256 x 256 in some 50 ms).
 *
 * <p>The shorter side gives min(m, n) vectors; pairs are rotated until all are orthogonal to 1e-13 of their norms.
 * Their norms are then the singular values, their directions the singular vectors of the longer side; the other side is M
 * times those. Cost: about 8 sweeps of 5 min(m,n)² max(m,n) flops. The order of operations is fixed.
 */
public final class ExactSvd {
    private static final double TOLERANCE = 1e-13;
    private static final double NOISE = 1e-16;
    private static final int MAX_SWEEPS = 60;

    private final int rows;
    private final int columns;
    private final double[] matrix;
    private final boolean vectorsAreColumns;
    private final double[][] vectors;
    private final double[] singularValues;

    private ExactSvd(FloatMatrix m) {
        this.rows = m.rows();
        this.columns = m.columns();
        this.matrix = new double[Math.toIntExact(m.size())];
        for (int i = 0; i < matrix.length; i++) {
            matrix[i] = m.segment().getAtIndex(ValueLayout.JAVA_FLOAT, i);
        }
        this.vectorsAreColumns = rows >= columns;
        int count = Math.min(rows, columns);
        int length = Math.max(rows, columns);
        double[][] v = new double[count][length];
        for (int i = 0; i < count; i++) {
            for (int k = 0; k < length; k++) {
                v[i][k] = vectorsAreColumns ? matrix[k * columns + i] : matrix[i * columns + k];
            }
        }
        double[] squaredNorms = orthogonalize(v);
        Integer[] order = new Integer[count];
        Arrays.setAll(order, i -> i);
        Arrays.sort(order, Comparator.comparingDouble(i -> -squaredNorms[i]));
        this.vectors = new double[count][];
        this.singularValues = new double[count];
        for (int i = 0; i < count; i++) {
            vectors[i] = v[order[i]];
            singularValues[i] = Math.sqrt(squaredNorms[order[i]]);
        }
    }

    /** @param m finite; at most 2^31 - 1 values; not modified */
    public static ExactSvd of(FloatMatrix m) {
        return new ExactSvd(m);
    }

    /** All min(rows, columns) singular values, descending; a copy. */
    public double[] singularValues() {
        return singularValues.clone();
    }

    /** The distance in the Frobenius norm from the matrix to its best approximation of rank {@code rank}. */
    public double residual(int rank) {
        double sum = 0;
        for (int i = singularValues.length - 1; i >= rank; i--) {
            sum += singularValues[i] * singularValues[i];
        }
        return Math.sqrt(sum);
    }

    /** The best approximation whose rank is that of {@code out} (modified: overwritten by balanced factors). */
    public void truncate(LowRank out) {
        int length = Math.max(rows, columns);
        for (int k = 0; k < out.rank(); k++) {
            double root = Math.sqrt(singularValues[k]);
            double[] unit = new double[length];
            for (int i = 0; i < length && root > 0; i++) {
                unit[i] = vectors[k][i] / singularValues[k];
            }
            double[] other = vectorsAreColumns ? timesTransposed(unit) : times(unit);
            for (int i = 0; i < rows; i++) {
                double value = vectorsAreColumns ? unit[i] * root : divide(other[i], root);
                out.left().set(i, k, (float) value);
            }
            for (int j = 0; j < columns; j++) {
                double value = vectorsAreColumns ? divide(other[j], root) : unit[j] * root;
                out.right().set(k, j, (float) value);
            }
        }
    }

    private static double divide(double value, double root) {
        return root > 0 ? value / root : 0;
    }

    private double[] times(double[] x) {
        double[] y = new double[rows];
        for (int i = 0; i < rows; i++) {
            double sum = 0;
            for (int j = 0; j < columns; j++) {
                sum += matrix[i * columns + j] * x[j];
            }
            y[i] = sum;
        }
        return y;
    }

    private double[] timesTransposed(double[] x) {
        double[] y = new double[columns];
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                y[j] += matrix[i * columns + j] * x[i];
            }
        }
        return y;
    }

    /** Rotates the vectors (modified) until they are orthogonal; returns their squared norms. */
    private static double[] orthogonalize(double[][] v) {
        int count = v.length;
        double[] norms = new double[count];
        for (int sweep = 0; sweep < MAX_SWEEPS; sweep++) {
            double largest = 0;
            for (int i = 0; i < count; i++) {
                norms[i] = dot(v[i], v[i]);
                largest = Math.max(largest, norms[i]);
            }
            // Vectors below the rounding noise of the largest have no direction of their own to make orthogonal.
            double negligible = largest * NOISE * NOISE;
            boolean rotated = false;
            for (int i = 0; i < count - 1; i++) {
                for (int j = i + 1; j < count; j++) {
                    rotated |= rotate(v, norms, i, j, negligible);
                }
            }
            if (!rotated) {
                break;
            }
        }
        for (int i = 0; i < count; i++) {
            norms[i] = dot(v[i], v[i]);
        }
        return norms;
    }

    private static boolean rotate(double[][] v, double[] norms, int i, int j, double negligible) {
        if (norms[i] < norms[j]) {
            double[] vector = v[i];
            v[i] = v[j];
            v[j] = vector;
            double norm = norms[i];
            norms[i] = norms[j];
            norms[j] = norm;
        }
        if (norms[j] <= negligible) {
            return false;
        }
        double d = dot(v[i], v[j]);
        if (Math.abs(d) <= TOLERANCE * Math.sqrt(norms[i]) * Math.sqrt(norms[j])) {
            return false;
        }
        double zeta = (norms[j] - norms[i]) / (2 * d);
        double t = Math.copySign(1, zeta) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
        double c = 1 / Math.sqrt(1 + t * t);
        turn(v[i], v[j], c, c * t);
        norms[i] -= t * d;
        norms[j] = Math.max(0, norms[j] + t * d);
        return true;
    }

    private static void turn(double[] p, double[] q, double c, double s) {
        for (int k = 0; k < p.length; k++) {
            double a = p[k];
            double b = q[k];
            p[k] = c * a - s * b;
            q[k] = s * a + c * b;
        }
    }

    /** Eight partial sums in one fixed tree: independent of the SIMD width, and short enough a chain to be fast. */
    private static double dot(double[] x, double[] y) {
        double s0 = 0;
        double s1 = 0;
        double s2 = 0;
        double s3 = 0;
        double s4 = 0;
        double s5 = 0;
        double s6 = 0;
        double s7 = 0;
        int k = 0;
        for (; k <= x.length - 8; k += 8) {
            s0 = Math.fma(x[k], y[k], s0);
            s1 = Math.fma(x[k + 1], y[k + 1], s1);
            s2 = Math.fma(x[k + 2], y[k + 2], s2);
            s3 = Math.fma(x[k + 3], y[k + 3], s3);
            s4 = Math.fma(x[k + 4], y[k + 4], s4);
            s5 = Math.fma(x[k + 5], y[k + 5], s5);
            s6 = Math.fma(x[k + 6], y[k + 6], s6);
            s7 = Math.fma(x[k + 7], y[k + 7], s7);
        }
        for (; k < x.length; k++) {
            s0 = Math.fma(x[k], y[k], s0);
        }
        return ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7));
    }
}
