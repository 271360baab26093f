package dev.lowbit.matrix;

import dev.lowbit.kernel.Kernels;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.tensor.ScratchMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Products of any {@link QuantizedMatrix} with many tokens: panels of rows are decoded to float once and multiplied by
 * {@link Gemm}, so decoding is shared by all tokens. Reproducible, because Gemm is and the panels are fixed.
 *
 * <p>Scratch memory is one panel of 256 rows and the columns of X or Y that belong to it. The transposed product with up to {@link #FEW_TOKENS} tokens has no panel
 * but the sums of each instead, ceil(rows / 256) * tokens * columns floats, and eight rows for each thread.
 */
public final class DecodedProducts {
    /** Up to this many tokens a representation that multiplies its packed form does better to do so. */
    public static final int FEW_TOKENS = 4;

    /** Rows of a panel: Gemm's summation block, so that panels do not change the sums of the transposed product. */
    private static final int PANEL_ROWS = Gemm.K_BLOCK;

    /** Rows that are decoded before they are used, where there are few tokens. */
    private static final int ROWS_IN_CACHE = 8;

    private static final Kernels KERNELS = Kernels.get();
    private static final ThreadLocal<ScratchMatrix> PANELS = ThreadLocal.withInitial(ScratchMatrix::new);
    private static final ThreadLocal<ScratchMatrix> COLUMNS = ThreadLocal.withInitial(ScratchMatrix::new);
    private static final ThreadLocal<ScratchMatrix> SUMS = ThreadLocal.withInitial(ScratchMatrix::new);
    private static final ThreadLocal<ScratchMatrix> ROWS = ThreadLocal.withInitial(ScratchMatrix::new);

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
        try (FloatMatrix panel = PANELS.get().of(height, matrix.columns());
                FloatMatrix products = COLUMNS.get().of(tokens, height)) {
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
        if (tokens <= FEW_TOKENS) {
            multiplyFewTransposed(matrix, y, x, workers);
            return;
        }
        int rows = matrix.rows();
        int height = Math.min(PANEL_ROWS, rows);
        try (FloatMatrix panel = PANELS.get().of(height, matrix.columns());
                FloatMatrix factors = COLUMNS.get().of(tokens, height)) {
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

    /**
     * The same sums for a few tokens, which decoding bounds: some rows at a time, so that they are used while they are in the cache. A task has a panel, and what panels
     * add up to is put together in their order, as {@link Gemm} does it.
     */
    private static void multiplyFewTransposed(QuantizedMatrix matrix, FloatMatrix y, FloatMatrix x, Workers workers) {
        int columns = matrix.columns();
        int panels = Math.ceilDiv(matrix.rows(), PANEL_ROWS);
        try (FloatMatrix sums = SUMS.get().of(panels * x.rows(), columns)) {
            workers.forEach(panels, panel -> {
                FloatMatrix own = sums.rows(panel * x.rows(), x.rows());
                addRows(matrix, panel * PANEL_ROWS, Math.min(matrix.rows(), (panel + 1) * PANEL_ROWS), y, own);
            });
            for (int panel = 1; panel < panels; panel++) {
                KERNELS.axpy(1, sums.segment(), panel * x.size(), sums.segment(), 0, x.size());
            }
            x.copyFrom(sums.rows(0, x.rows()));
        }
    }

    private static void addRows(QuantizedMatrix matrix, int from, int end, FloatMatrix y, FloatMatrix sums) {
        int columns = matrix.columns();
        sums.segment().fill((byte) 0);
        try (FloatMatrix rows = ROWS.get().of(Math.min(ROWS_IN_CACHE, end - from), columns)) {
            for (int first = from; first < end; first += ROWS_IN_CACHE) {
                FloatMatrix some = rows.rows(0, Math.min(ROWS_IN_CACHE, end - first));
                matrix.dequantize(first, some, Workers.serial());
                for (int row = 0; row < some.rows(); row++) {
                    for (int token = 0; token < y.rows(); token++) {
                        float factor = y.get(token, first + row);
                        long at = (long) row * columns;
                        KERNELS.axpy(factor, some.segment(), at, sums.segment(), (long) token * columns, columns);
                    }
                }
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
