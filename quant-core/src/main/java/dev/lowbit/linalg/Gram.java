package dev.lowbit.linalg;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Products over the tokens of a batch in double: XᵀX, XXᵀ, XᵀY. Products of floats are exact in double, so only the sums
 * round: chains of 256 terms, block sums added in order; the bits depend neither on the threads nor on the SIMD width. The upper
 * triangle of a symmetric product is a copy of the lower one.
 */
public final class Gram {
    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED;

    private Gram() {}

    /**
     * XᵀX (of columns) or XXᵀ (of rows), symmetric n x n, row-major, on the heap.
     *
     * @param x not modified
     */
    public static double[] of(FloatMatrix x, boolean ofColumns, Workers workers) {
        int n = ofColumns ? x.columns() : x.rows();
        int length = ofColumns ? x.rows() : x.columns();
        DoubleGemm.Source straight = DoubleGemm.of(x);
        DoubleGemm.Source transposed = DoubleGemm.ofTransposed(x);
        double[] gram = new double[Math.multiplyExact(n, n)];
        DoubleGemm.multiply(
                ofColumns ? transposed : straight,
                n,
                ofColumns ? straight : transposed,
                n,
                length,
                DoubleGemm.Part.LOWER,
                (row, column, rows, columns, block, stride) -> {
                    for (int i = 0; i < rows; i++) {
                        for (int j = 0; j < Math.min(columns, row + i + 1 - column); j++) {
                            gram[(row + i) * n + column + j] = block[i * stride + j];
                            gram[(column + j) * n + row + i] = block[i * stride + j];
                        }
                    }
                },
                workers);
        return gram;
    }

    /**
     * Adds XᵀX to a symmetric matrix of doubles, as calibration does batch after batch. The bits depend on how the tokens are
     * cut into batches, not on anything else.
     *
     * @param tokensByInputs tokens x n; not modified
     * @param gram n x n native-order doubles, row-major, symmetric; modified
     */
    public static void accumulate(FloatMatrix tokensByInputs, MemorySegment gram, Workers workers) {
        int n = tokensByInputs.columns();
        if (gram.byteSize() != (long) n * n * Double.BYTES) {
            throw new IllegalArgumentException("the Gram matrix of " + n + " inputs needs " + (long) n * n
                    + " doubles, got " + gram.byteSize() + " bytes");
        }
        DoubleGemm.multiply(
                DoubleGemm.ofTransposed(tokensByInputs),
                n,
                DoubleGemm.of(tokensByInputs),
                n,
                tokensByInputs.rows(),
                DoubleGemm.Part.LOWER,
                (row, column, rows, columns, block, stride) -> {
                    for (int i = 0; i < rows; i++) {
                        for (int j = 0; j < Math.min(columns, row + i + 1 - column); j++) {
                            long lower = (long) (row + i) * n + column + j;
                            double sum = gram.getAtIndex(DOUBLE, lower) + block[i * stride + j];
                            gram.setAtIndex(DOUBLE, lower, sum);
                            gram.setAtIndex(DOUBLE, (long) (column + j) * n + row + i, sum);
                        }
                    }
                },
                workers);
    }

    /**
     * Adds XᵀY to a matrix of doubles, as calibration does batch after batch. The bits depend on how the tokens are cut into batches,
     * not on anything else.
     *
     * @param left X, tokens x m; not modified
     * @param right Y, tokens x n; not modified
     * @param sums m x n native-order doubles, row-major; modified
     */
    public static void accumulate(FloatMatrix left, FloatMatrix right, MemorySegment sums, Workers workers) {
        int m = left.columns();
        int n = right.columns();
        if (left.rows() != right.rows() || sums.byteSize() != (long) m * n * Double.BYTES) {
            throw new IllegalArgumentException("the product of the columns of " + left.rows() + " x " + m + " and "
                    + right.rows() + " x " + n + " does not fit " + sums.byteSize() + " bytes");
        }
        DoubleGemm.multiply(
                DoubleGemm.ofTransposed(left),
                m,
                DoubleGemm.of(right),
                n,
                left.rows(),
                DoubleGemm.Part.ALL,
                (row, column, rows, columns, block, stride) -> {
                    for (int i = 0; i < rows; i++) {
                        for (int j = 0; j < columns; j++) {
                            long at = (long) (row + i) * n + column + j;
                            sums.setAtIndex(DOUBLE, at, sums.getAtIndex(DOUBLE, at) + block[i * stride + j]);
                        }
                    }
                },
                workers);
    }
}
