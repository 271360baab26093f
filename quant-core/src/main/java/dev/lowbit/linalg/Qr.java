package dev.lowbit.linalg;

import dev.lowbit.kernel.DoubleGemmKernel;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Orthonormal bases of tall skinny matrices by repeated Cholesky QR: with YᵀY = RᵀR in double, Y R⁻¹ is orthonormal up to
 * cond(Y)^2 eps; a second pass removes what the first left (Yamamoto, Nakatsukasa, Yanagisawa and Fukaya 2015), and two
 * suffice for floats unless columns are almost dependent. A pass is two products with q^2 m multiply-adds, all in double.
 */
public final class Qr {
    /** A column of which less than this share of its squared norm is left is dependent: floats carry no more. */
    private static final double DEPENDENT = 1e-12;

    /** max |QᵀQ - I| at which a basis of floats is as orthonormal as its rounding allows. */
    private static final double ORTHONORMAL = 1e-6;

    /** From this deviation one more pass surely reaches the rounding of floats. */
    private static final double ONE_MORE = 1e-2;

    private static final int MAX_PASSES = 8;

    private static final int PANEL_ROWS = DoubleGemmKernel.MAX_ROWS;

    private Qr() {}

    /**
     * Replaces the columns of Y by an orthonormal basis of their span, in the order of Gram and Schmidt (column j of the result
     * spans, with those before it, what columns 0..j of Y span). max |QᵀQ - I| stays below 1e-6 over the columns kept. A
     * column that depends numerically on those before it (what is left of it is below 1e-6 of its norm), zero columns
     * among them, becomes zero. Columns may differ in scale by any factor.
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
        for (int pass = 0; pass < MAX_PASSES; pass++) {
            double[] gram = Gram.of(y, true, workers);
            double deviation = 0;
            rank = 0;
            for (int i = 0; i < q; i++) {
                boolean zero = gram[i * q + i] == 0;
                rank += zero ? 0 : 1;
                for (int j = 0; j <= i; j++) {
                    double target = i == j && !zero ? 1 : 0;
                    deviation = Math.max(deviation, Math.abs(gram[i * q + j] - target));
                }
            }
            if (deviation <= ORTHONORMAL) {
                break;
            }
            double[] inverse = new double[q * q];
            rank = invertFactor(gram, q, inverse);
            multiplyInPlace(y, inverse, workers);
            if (deviation <= ONE_MORE) {
                break;
            }
        }
        return rank;
    }

    /** Writes R⁻¹ (q x q, upper triangular, columns of dependent ones zero) into {@code inverse}; returns the rank. */
    private static int invertFactor(double[] gram, int q, double[] inverse) {
        double[] norms = new double[q];
        double[] lower = new double[q * q];
        double[] lowerInverse = new double[q * q];
        int rank = 0;
        for (int i = 0; i < q; i++) {
            norms[i] = Math.sqrt(gram[i * q + i]);
            double left = norms[i] > 0 ? 1 : 0;
            for (int j = 0; j < i && left > 0; j++) {
                double pivot = lower[j * q + j];
                if (pivot > 0) {
                    double sum = gram[i * q + j] / (norms[i] * norms[j]);
                    for (int k = 0; k < j; k++) {
                        sum -= lower[i * q + k] * lower[j * q + k];
                    }
                    lower[i * q + j] = sum / pivot;
                    left -= lower[i * q + j] * lower[i * q + j];
                }
            }
            if (left > DEPENDENT) {
                rank++;
                lower[i * q + i] = Math.sqrt(left);
                invertRow(lower, lowerInverse, i, q);
            } else {
                Arrays.fill(lower, i * q, (i + 1) * q, 0);
            }
        }
        for (int i = 0; i < q; i++) {
            for (int j = i; j < q; j++) {
                inverse[i * q + j] = norms[i] > 0 ? lowerInverse[j * q + i] / norms[i] : 0;
            }
        }
        return rank;
    }

    private static void invertRow(double[] lower, double[] inverse, int i, int q) {
        inverse[i * q + i] = 1;
        for (int k = 0; k < i; k++) {
            double factor = lower[i * q + k];
            for (int j = 0; j <= k; j++) {
                inverse[i * q + j] -= factor * inverse[k * q + j];
            }
        }
        for (int j = 0; j <= i; j++) {
            inverse[i * q + j] /= lower[i * q + i];
        }
    }

    /** Y = Y B, in panels of rows that are copied first because the product reads what it overwrites. */
    private static void multiplyInPlace(FloatMatrix y, double[] b, Workers workers) {
        int q = y.columns();
        DoubleGemm.Source right = DoubleGemm.of(b, q);
        workers.forEach(Math.ceilDiv(y.rows(), PANEL_ROWS), i -> {
            FloatMatrix panel = y.rows(i * PANEL_ROWS, Math.min(PANEL_ROWS, y.rows() - i * PANEL_ROWS));
            MemorySegment out = panel.segment();
            DoubleGemm.Source old = DoubleGemm.of(FloatMatrix.wrap(panel.rows(), q, panel.toArray()));
            DoubleGemm.multiply(
                    old,
                    panel.rows(),
                    right,
                    q,
                    q,
                    DoubleGemm.Part.ALL,
                    (row, column, rows, columns, block, stride) -> {
                        for (int r = 0; r < rows; r++) {
                            long at = (long) (row + r) * q + column;
                            for (int c = 0; c < columns; c++) {
                                out.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, at + c, (float) block[r * stride + c]);
                            }
                        }
                    },
                    Workers.serial());
        });
    }
}
