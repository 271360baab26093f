package dev.lowbit.matrix.dense;

import dev.lowbit.kernel.Lanes;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/** Y = X Wᵀ for a few tokens, which memory bounds: each row of W is read once, as it is stored. */
final class FewTokens {
    private static final DenseKernels KERNELS = DenseKernels.get();
    private static final int ROWS_PER_TASK = 64;

    private FewTokens() {}

    /**
     * The product.
     *
     * @param weights rows x columns of a type
     * @param x tokens x columns; not modified
     * @param y tokens x rows; modified (overwritten)
     */
    static void multiply(DType type, MemorySegment weights, FloatMatrix x, FloatMatrix y, Workers workers) {
        int rows = y.columns();
        int columns = x.columns();
        float[] inputs = x.toArray();
        float[] outputs = new float[x.rows() * rows];
        workers.forEach(Math.ceilDiv(rows, ROWS_PER_TASK), task -> {
            float[] lanes = new float[DenseKernels.LANES];
            for (int row = task * ROWS_PER_TASK; row < Math.min(rows, (task + 1) * ROWS_PER_TASK); row++) {
                long offset = (long) row * columns * type.bytes();
                for (int token = 0; token < x.rows(); token++) {
                    Arrays.fill(lanes, 0);
                    KERNELS.dot(type, weights, offset, columns, inputs, token * columns, lanes);
                    outputs[token * rows + row] = Lanes.sum(lanes);
                }
            }
        });
        MemorySegment.copy(outputs, 0, y.segment(), ValueLayout.JAVA_FLOAT, 0, outputs.length);
    }
}
