package dev.lowbit.matrix;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Products of any {@link QuantizedMatrix} with many tokens: panels of rows are decoded to float once and multiplied by
 * {@link Gemm}, so decoding is shared by all tokens and the scratch memory is one panel. Reproducible, because Gemm is and the
 * panels are fixed.
 */
public final class DecodedProducts {
    /** Up to this many tokens a representation that multiplies its packed form does better to do so. */
    public static final int FEW_TOKENS = 4;

    /** Rows of a panel: Gemm's summation block, so that panels do not change the sums of the transposed product. */
    private static final int PANEL_ROWS = Gemm.K_BLOCK;

    private DecodedProducts() {}

    /**
     * Y = X Ŵᵀ.
     *
     * @param x tokens x columns; not modified
     * @param y tokens x rows; modified (overwritten)
     */
    public static void multiply(QuantizedMatrix matrix, FloatMatrix x, FloatMatrix y, Workers workers) {
        checkMultiply(matrix, x, y);
        int tokens = x.rows();
        int rows = matrix.rows();
        int height = Math.min(PANEL_ROWS, rows);
        try (FloatMatrix panel = FloatMatrix.allocate(height, matrix.columns());
                FloatMatrix products = FloatMatrix.allocate(tokens, height)) {
            for (int from = 0; from < rows; from += height) {
                int count = Math.min(height, rows - from);
                FloatMatrix some = panel.rows(0, count);
                FloatMatrix out = FloatMatrix.wrap(
                        tokens, count, products.segment().asSlice(0, (long) tokens * count * Float.BYTES));
                matrix.dequantize(from, some, workers);
                Gemm.multiply(x, false, some, true, out, Gemm.Mode.SET, workers);
                copyColumns(out, 0, y, from, count);
            }
        }
    }

    /**
     * X = Y Ŵ.
     *
     * @param y tokens x rows; not modified
     * @param x tokens x columns; modified (overwritten)
     */
    public static void multiplyTransposed(QuantizedMatrix matrix, FloatMatrix y, FloatMatrix x, Workers workers) {
        checkMultiplyTransposed(matrix, y, x);
        int tokens = y.rows();
        int rows = matrix.rows();
        int height = Math.min(PANEL_ROWS, rows);
        try (FloatMatrix panel = FloatMatrix.allocate(height, matrix.columns());
                FloatMatrix factors = FloatMatrix.allocate(tokens, height)) {
            for (int from = 0; from < rows; from += height) {
                int count = Math.min(height, rows - from);
                FloatMatrix some = panel.rows(0, count);
                FloatMatrix part = FloatMatrix.wrap(
                        tokens, count, factors.segment().asSlice(0, (long) tokens * count * Float.BYTES));
                matrix.dequantize(from, some, workers);
                copyColumns(y, from, part, 0, count);
                Gemm.multiply(part, false, some, false, x, from == 0 ? Gemm.Mode.SET : Gemm.Mode.ADD, workers);
            }
        }
    }

    private static void copyColumns(FloatMatrix from, int fromColumn, FloatMatrix to, int toColumn, int count) {
        for (int row = 0; row < from.rows(); row++) {
            MemorySegment.copy(
                    from.segment(),
                    ValueLayout.JAVA_FLOAT,
                    ((long) row * from.columns() + fromColumn) * Float.BYTES,
                    to.segment(),
                    ValueLayout.JAVA_FLOAT,
                    ((long) row * to.columns() + toColumn) * Float.BYTES,
                    count);
        }
    }

    /** Refuses shapes that do not fit Y = X Ŵᵀ. */
    public static void checkMultiply(QuantizedMatrix matrix, FloatMatrix x, FloatMatrix y) {
        if (x.columns() != matrix.columns() || y.columns() != matrix.rows() || x.rows() != y.rows()) {
            throw misfit("Y = X W^T", matrix, x, y);
        }
    }

    /** Refuses shapes that do not fit X = Y Ŵ. */
    public static void checkMultiplyTransposed(QuantizedMatrix matrix, FloatMatrix y, FloatMatrix x) {
        if (x.columns() != matrix.columns() || y.columns() != matrix.rows() || x.rows() != y.rows()) {
            throw misfit("X = Y W", matrix, x, y);
        }
    }

    /** Refuses rows that are not all in the matrix. */
    public static void checkRows(QuantizedMatrix matrix, int fromRow, FloatMatrix out) {
        if (fromRow < 0 || fromRow > matrix.rows() - out.rows() || out.columns() != matrix.columns()) {
            throw new IllegalArgumentException("rows " + fromRow + " to " + (fromRow + out.rows()) + " of width "
                    + out.columns() + " are not in a " + matrix.rows() + " x " + matrix.columns() + " matrix");
        }
    }

    private static IllegalArgumentException misfit(
            String product, QuantizedMatrix matrix, FloatMatrix x, FloatMatrix y) {
        return new IllegalArgumentException(
                product + " with a " + matrix.rows() + " x " + matrix.columns() + " matrix W: X is " + x.rows() + " x "
                        + x.columns() + ", Y is " + y.rows() + " x " + y.columns() + "; X needs " + matrix.columns()
                        + " columns, Y " + matrix.rows() + ", and both as many rows");
    }
}
