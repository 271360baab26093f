package dev.lowbit.matrix.dense;

import dev.lowbit.kernel.Kernels;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.matrix.DecodedProducts;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Plain float weights behind the interface of the representations: a live view of {@link #values()}, so that an optimizer may
 * change them between products. Owns nothing; whoever made the matrix closes it.
 *
 * @param values rows x columns
 */
public record FloatWeights(FloatMatrix values) implements QuantizedMatrix {
    private static final Kernels KERNELS = Kernels.get();
    private static final int ROWS_PER_TASK = 64;

    @Override
    public int rows() {
        return values.rows();
    }

    @Override
    public int columns() {
        return values.columns();
    }

    @Override
    public String format() {
        return new DenseFormat(DType.F32).id();
    }

    @Override
    public List<Part> parts() {
        return List.of(
                new Part(DenseFormat.WEIGHT, DType.F32, List.of((long) rows(), (long) columns()), values.segment()));
    }

    @Override
    public void dequantize(int fromRow, FloatMatrix out, Workers workers) {
        DecodedProducts.checkRows(this, fromRow, out);
        out.copyFrom(values.rows(fromRow, out.rows()));
    }

    @Override
    public void multiply(FloatMatrix x, FloatMatrix y, Workers workers) {
        DecodedProducts.checkMultiply(this, x, y);
        if (x.rows() > DecodedProducts.FEW_TOKENS) {
            Gemm.multiply(x, false, values, true, y, Gemm.Mode.SET, workers);
            return;
        }
        workers.forEach(Math.ceilDiv(rows(), ROWS_PER_TASK), task -> {
            for (int i = task * ROWS_PER_TASK; i < Math.min(rows(), (task + 1) * ROWS_PER_TASK); i++) {
                multiplyRow(values.segment(), (long) i * columns(), i, x, y);
            }
        });
    }

    /**
     * A row of W with a few tokens, which its memory bounds: sums in double, rounded once.
     *
     * @param row holds the row from index {@code from} on
     * @param i which row it is
     * @param y column i is modified
     */
    static void multiplyRow(MemorySegment row, long from, int i, FloatMatrix x, FloatMatrix y) {
        for (int t = 0; t < x.rows(); t++) {
            y.set(t, i, (float) KERNELS.dot(row, from, x.segment(), (long) t * x.columns(), x.columns()));
        }
    }

    @Override
    public void multiplyTransposed(FloatMatrix y, FloatMatrix x, Workers workers) {
        DecodedProducts.checkMultiplyTransposed(this, y, x);
        Gemm.multiply(y, false, values, false, x, Gemm.Mode.SET, workers);
    }
}
