package dev.lowbit.linalg;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.ValueLayout;

/** Orthonormal bases of tall skinny matrices. */
public final class Qr {
    private Qr() {}

    /**
     * Replaces the columns of Y by an orthonormal basis of their span, in the order of Gram and Schmidt (column j of the result
     * spans, with those before it, what columns 0..j of Y span). A column that depends numerically on those before it (what
     * is left of it is below 1e-6 of its norm), zero columns among them, becomes zero.
     *
     * @param y m x q with m >= q, finite; modified
     * @return how many columns are not zero: the numerical rank
     */
    public static int orthonormalize(FloatMatrix y, Workers workers) {
        int m = y.rows();
        int q = y.columns();
        if (m < q) {
            throw new IllegalArgumentException(
                    "a basis of " + q + " columns needs at least " + q + " rows, got " + m + " x " + q);
        }
        int rank = q;
        for (int pass = 0; pass < 3; pass++) {
            double[] gram = Gram.of(y, true, workers);
            double[] r = inverseFactor(gram, q);
            rank = 0;
            for (int j = 0; j < q; j++) {
                rank += r[j * q + j] != 0 ? 1 : 0;
            }
            workers.forEach(m, i -> {
                double[] row = new double[q];
                long base = (long) i * q;
                for (int k = 0; k < q; k++) {
                    double value = y.segment().getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, base + k);
                    for (int j = k; j < q; j++) {
                        row[j] += value * r[k * q + j];
                    }
                }
                for (int j = 0; j < q; j++) {
                    y.segment().setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, base + j, (float) row[j]);
                }
            });
        }
        return rank;
    }

    /** R⁻¹ (upper triangular, row-major) with Rᵀ R = gram, columns of dependent ones zero. */
    private static double[] inverseFactor(double[] gram, int q) {
        double[] basis = new double[q * q];
        double[] product = new double[q];
        for (int j = 0; j < q; j++) {
            // Column j starts as e_j and loses its components along the kept columns, in the inner product of the Gram
            // matrix.
            basis[j * q + j] = 1;
            for (int round = 0; round < 2; round++) {
                for (int i = 0; i < j; i++) {
                    multiply(gram, basis, j, q, product);
                    double component = 0;
                    for (int k = 0; k <= i; k++) {
                        component += basis[k * q + i] * product[k];
                    }
                    for (int k = 0; k <= i; k++) {
                        basis[k * q + j] -= component * basis[k * q + i];
                    }
                }
            }
            multiply(gram, basis, j, q, product);
            double norm2 = 0;
            for (int k = 0; k <= j; k++) {
                norm2 += basis[k * q + j] * product[k];
            }
            double factor = norm2 > 1e-12 * gram[j * q + j] ? 1 / Math.sqrt(norm2) : 0;
            for (int k = 0; k <= j; k++) {
                basis[k * q + j] *= factor;
            }
        }
        return basis;
    }

    private static void multiply(double[] gram, double[] basis, int j, int q, double[] product) {
        for (int i = 0; i < q; i++) {
            double sum = 0;
            for (int k = 0; k <= j; k++) {
                sum += gram[i * q + k] * basis[k * q + j];
            }
            product[i] = sum;
        }
    }
}
