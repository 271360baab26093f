package dev.lowbit.method;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.matrix.LiveCodes;
import dev.lowbit.tensor.FloatMatrix;

/** A tunable matrix whose parts get their gradients by the chain rule from that of its dense weights. */
abstract class DenseGradient implements Tunable {
    @Override
    public abstract LiveCodes matrix();

    /**
     * Adds the gradients of the parts.
     *
     * @param dense dL/dŴ, rows x columns; not modified
     */
    abstract void accumulate(FloatMatrix dense, Workers workers);

    /**
     * dyᵀ x, in memory that the caller closes.
     *
     * @param x tokens x columns; not modified
     * @param dy tokens x rows; not modified
     */
    static FloatMatrix of(FloatMatrix x, FloatMatrix dy, Workers workers) {
        FloatMatrix dense = FloatMatrix.allocate(dy.columns(), x.columns());
        Gemm.multiply(dy, true, x, false, dense, Gemm.Mode.SET, workers);
        return dense;
    }

    @Override
    public void accumulate(FloatMatrix x, FloatMatrix dy, Workers workers) {
        try (FloatMatrix dense = of(x, dy, workers)) {
            accumulate(dense, workers);
        }
    }
}
