package dev.lowbit.linalg;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;

/**
 * A rows x columns matrix known only by its products with a few vectors at a time: all that a subspace method needs, so a
 * residual such as W - Q can take part without ever being stored.
 */
public interface LinearMap {
    int rows();

    int columns();

    /**
     * y = M x.
     *
     * @param x columns x k; not modified
     * @param y rows x k; modified (overwritten); must not share memory with x
     */
    void multiply(FloatMatrix x, FloatMatrix y, Workers workers);

    /**
     * x = Mᵀ y.
     *
     * @param y rows x k; not modified
     * @param x columns x k; modified (overwritten); must not share memory with y
     */
    void multiplyTransposed(FloatMatrix y, FloatMatrix x, Workers workers);

    /** The map of a stored matrix, which the caller keeps and does not close while the map is in use. */
    static LinearMap of(FloatMatrix matrix) {
        return new StoredMap(matrix);
    }
}

record StoredMap(FloatMatrix matrix) implements LinearMap {
    @Override
    public int rows() {
        return matrix.rows();
    }

    @Override
    public int columns() {
        return matrix.columns();
    }

    @Override
    public void multiply(FloatMatrix x, FloatMatrix y, Workers workers) {
        Gemm.multiply(matrix, false, x, false, y, Gemm.Mode.SET, workers);
    }

    @Override
    public void multiplyTransposed(FloatMatrix y, FloatMatrix x, Workers workers) {
        Gemm.multiply(matrix, true, y, false, x, Gemm.Mode.SET, workers);
    }
}
