package dev.lowbit.bench;

import dev.lowbit.matrix.block.BlockMatrix;
import dev.lowbit.tensor.FloatMatrix;

/**
 * The plain scalar answers that a benchmark's result is compared with before anything is measured. A benchmark of a wrong
 * kernel stops instead of reporting its speed.
 */
final class Checks {
    private static final double FLOAT_ULP = 0x1p-23;

    private Checks() {}

    static void require(boolean right, String what) {
        if (!right) {
            throw new IllegalStateException("wrong result, not measured: " + what);
        }
    }

    /**
     * Compares rows of C = A B with sums in double. A float sum of k terms in any order is off by at most k ulp of the sum of
     * the magnitudes (plus one for its own rounding).
     *
     * @param every only each {@code every}-th row of C is checked
     */
    static void product(FloatMatrix a, FloatMatrix b, FloatMatrix c, int every) {
        int k = a.columns();
        for (int i = 0; i < c.rows(); i += every) {
            double[] sum = new double[c.columns()];
            double[] magnitude = new double[c.columns()];
            for (int p = 0; p < k; p++) {
                double x = a.get(i, p);
                for (int j = 0; j < sum.length; j++) {
                    double term = x * b.get(p, j);
                    sum[j] += term;
                    magnitude[j] += Math.abs(term);
                }
            }
            for (int j = 0; j < sum.length; j++) {
                close(c.get(i, j), sum[j], (k + 1) * FLOAT_ULP * magnitude[j], "product at " + i + ", " + j);
            }
        }
    }

    /**
     * Compares y = W x with sums in double.
     *
     * @param w rows x columns
     * @param x 1 x columns
     * @param y 1 x rows
     */
    static void vectorProduct(FloatMatrix w, FloatMatrix x, FloatMatrix y) {
        vectorProduct(w, x, y, 0);
    }

    /** @param error that is allowed beside the rounding of a float sum, of the root of the sum of the squares of a row's terms */
    static void vectorProduct(FloatMatrix w, FloatMatrix x, FloatMatrix y, double error) {
        for (int i = 0; i < w.rows(); i++) {
            double sum = 0;
            double magnitude = 0;
            double square = 0;
            for (int j = 0; j < w.columns(); j++) {
                double term = (double) w.get(i, j) * x.get(0, j);
                sum += term;
                magnitude += Math.abs(term);
                square += term * term;
            }
            double tolerance = (w.columns() + 1) * FLOAT_ULP * magnitude + error * Math.sqrt(square);
            close(y.get(0, i), sum, tolerance, "vector product at " + i);
        }
    }

    /** Every dequantized value must be the codebook's value times the block's scale, rounded once. Flat or whole row blocks. */
    static void dequantized(BlockMatrix q, FloatMatrix values) {
        float[] scales = q.scales().values();
        int group = q.blockFormat().groupSize();
        for (int i = 0; i < values.rows(); i++) {
            for (int j = 0; j < values.columns(); j++) {
                float scale = scales[Math.toIntExact(((long) i * values.columns() + j) / group)];
                require(
                        values.get(i, j) == q.codebook().value(q.code(i, j)) * scale,
                        "dequantized value at " + i + ", " + j);
            }
        }
    }

    /** Every code must be the codebook's own choice for the weight divided by its block's scale. */
    static void quantized(FloatMatrix w, BlockMatrix q) {
        float[] scales = q.scales().values();
        int group = q.blockFormat().groupSize();
        for (int i = 0; i < w.rows(); i++) {
            for (int j = 0; j < w.columns(); j++) {
                float scale = scales[Math.toIntExact(((long) i * w.columns() + j) / group)];
                require(q.code(i, j) == q.codebook().encode(w.get(i, j) / scale), "code at " + i + ", " + j);
            }
        }
    }

    static void close(double actual, double expected, double tolerance, String what) {
        require(
                Math.abs(actual - expected) <= tolerance,
                what + " is " + actual + ", expected " + expected + " within " + tolerance);
    }
}
