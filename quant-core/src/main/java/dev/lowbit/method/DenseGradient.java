package dev.lowbit.method;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.matrix.LiveCodes;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.tensor.ScratchMatrix;

/** A tunable matrix whose parts get their gradients by the chain rule from that of its dense weights. */
abstract class DenseGradient implements Tunable {
    private static final ThreadLocal<ScratchMatrix> SCRATCH = ThreadLocal.withInitial(ScratchMatrix::new);

    @Override
    public abstract LiveCodes matrix();

    /**
     * Adds the gradients of the parts.
     *
     * @param dense dL/dŴ, rows x columns; not modified
     */
    abstract void accumulate(FloatMatrix dense, Workers workers);

    /**
     * dyᵀ x, in memory that the caller closes before it asks for the next.
     *
     * @param x tokens x columns; not modified
     * @param dy tokens x rows; not modified
     */
    static FloatMatrix of(FloatMatrix x, FloatMatrix dy, Workers workers) {
        FloatMatrix dense = SCRATCH.get().of(dy.columns(), x.columns());
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
