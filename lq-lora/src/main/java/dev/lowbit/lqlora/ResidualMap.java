package dev.lowbit.lqlora;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.linalg.LinearMap;
import dev.lowbit.linalg.LowRank;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The matrix whose low-rank part is wanted next, {@code D1 (L + alpha E) D2}, known by its products only. E = W - L - Q is
 * what the last alternation left; with alpha = 1, L + E is the residual W - Q, which is therefore never stored. D1 and D2
 * are the Fisher weights, or nothing.
 */
final class ResidualMap implements LinearMap {
    private final FloatMatrix error;
    private final LowRank low;
    private final float alpha;
    private final FisherWeights weights;

    /**
     * @param error E, rows x columns
     * @param low L
     * @param alpha relaxation, positive
     * @param weights D1 and D2, or null
     */
    ResidualMap(FloatMatrix error, LowRank low, float alpha, FisherWeights weights) {
        this.error = error;
        this.low = low;
        this.alpha = alpha;
        this.weights = weights;
    }

    @Override
    public int rows() {
        return error.rows();
    }

    @Override
    public int columns() {
        return error.columns();
    }

    @Override
    public void multiply(FloatMatrix x, FloatMatrix y, Workers workers) {
        product(false, x, y, workers);
    }

    @Override
    public void multiplyTransposed(FloatMatrix y, FloatMatrix x, Workers workers) {
        product(true, y, x, workers);
    }

    /** out = Do (alpha E + L) Di in, or with E and L transposed. */
    private void product(boolean transposed, FloatMatrix in, FloatMatrix out, Workers workers) {
        try (Arena arena = Arena.ofShared()) {
            FloatMatrix weighted = in;
            if (weights != null) {
                weighted = FloatMatrix.allocate(in.rows(), in.columns(), arena);
                weighted.copyFrom(in);
                scaleRows(weighted, transposed ? weights.rows() : weights.columns(), 1);
            }
            Gemm.multiply(error, transposed, weighted, false, out, Gemm.Mode.SET, workers);
            scaleRows(out, null, alpha);
            if (low.rank() > 0) {
                FloatMatrix inner = transposed ? low.left() : low.right();
                FloatMatrix outer = transposed ? low.right() : low.left();
                FloatMatrix middle = FloatMatrix.allocate(low.rank(), in.columns(), arena);
                Gemm.multiply(inner, transposed, weighted, false, middle, Gemm.Mode.SET, workers);
                Gemm.multiply(outer, transposed, middle, false, out, Gemm.Mode.ADD, workers);
            }
            if (weights != null) {
                scaleRows(out, transposed ? weights.columns() : weights.rows(), 1);
            }
        }
    }

    private static void scaleRows(FloatMatrix m, float[] perRow, float all) {
        if (perRow == null && all == 1) {
            return;
        }
        MemorySegment segment = m.segment();
        for (int i = 0; i < m.rows(); i++) {
            float factor = perRow == null ? all : perRow[i] * all;
            long end = (long) (i + 1) * m.columns();
            for (long at = (long) i * m.columns(); at < end; at++) {
                segment.setAtIndex(ValueLayout.JAVA_FLOAT, at, segment.getAtIndex(ValueLayout.JAVA_FLOAT, at) * factor);
            }
        }
    }
}
