package dev.lowbit.lqlora;

import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.LowRank;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.block.BlockQuantizer;
import dev.lowbit.matrix.sum.StoredFactors;
import dev.lowbit.matrix.sum.SumMatrix;
import dev.lowbit.tensor.FloatMatrix;

/**
 * The best state of an alternation, W ~ Q + L1 L2, and how it got there. Q is a function of W and the factors, so only the
 * factors are kept.
 */
public final class Decomposition {
    private final BlockFormat base;
    private final StoredFactors factors;
    private final double[] errors;
    private final int best;

    /**
     * @param factors of the best state; null for rank 0
     * @param errors after each alternation
     * @param best index of the smallest
     */
    Decomposition(BlockFormat base, StoredFactors factors, double[] errors, int best) {
        this.base = base;
        this.factors = factors;
        this.errors = errors;
        this.best = best;
    }

    /** The error norm ||sqrt(F) (W - Q - L1 L2)||_F after each alternation that was run; a copy. */
    public double[] errors() {
        return errors.clone();
    }

    /** The smallest error: that of this state. */
    public double bestError() {
        return errors[best];
    }

    /** The rank of the low-rank part. */
    public int rank() {
        return factors == null ? 0 : factors.right().rows();
    }

    /** L1 and L2 as stored, decoded; the caller closes it. */
    public LowRank lowRank(int rows, int columns, Workers workers) {
        LowRank low = LowRank.allocate(rows, columns, rank());
        if (factors != null) {
            factors.decode(low, workers);
        }
        return low;
    }

    /**
     * Quantizes and packs.
     *
     * @param w the matrix that was decomposed; not modified
     * @param scratch same shape; modified (W - L1 L2 on return)
     */
    QuantizedMatrix pack(FloatMatrix w, Importance importance, FloatMatrix scratch, Workers workers) {
        if (factors == null) {
            return BlockQuantizer.quantize(w, importance, base, workers);
        }
        scratch.copyFrom(w);
        try (LowRank low = lowRank(w.rows(), w.columns(), workers)) {
            low.subtractFrom(scratch, workers);
        }
        return SumMatrix.of(
                BlockQuantizer.quantize(scratch, importance, base, workers), factors.left(), factors.right());
    }
}
