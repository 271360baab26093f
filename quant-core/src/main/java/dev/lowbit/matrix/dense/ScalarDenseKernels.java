package dev.lowbit.matrix.dense;

import dev.lowbit.tensor.DType;
import java.lang.foreign.MemorySegment;

/** The formula as it stands: what every other implementation is tested against. */
final class ScalarDenseKernels implements DenseKernels {
    @Override
    public void dot(DType type, MemorySegment weights, long offset, int count, float[] x, int xFrom, float[] lanes) {
        dot(type, weights, offset, 0, count, x, xFrom, lanes);
    }

    /** Weights {@code from} to {@code to} of a row. */
    static void dot(
            DType type, MemorySegment weights, long offset, int from, int to, float[] x, int xFrom, float[] lanes) {
        for (int i = from; i < to; i++) {
            float weight = DenseMatrix.load(weights, type, offset + (long) i * type.bytes());
            lanes[i % LANES] = Math.fma(weight, x[xFrom + i], lanes[i % LANES]);
        }
    }
}
