package dev.lowbit.matrix.sum;

import dev.lowbit.linalg.RandomStream;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.dense.DenseMatrix;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;

/**
 * A low-rank term for a matrix that has none, as training of one starts (LoRA, arXiv 2106.09685; INT2.1, arXiv 2306.08162): the left factor is
 * 0, so that nothing changes yet, the right one is uniform in ±1/√columns (Kaiming-uniform with a = √5). Both in half floats.
 */
public final class FreshFactors {
    private FreshFactors() {}

    /**
     * The sum of a matrix and a fresh term.
     *
     * @param base rows x columns, without a low-rank term
     * @param rank 1 to min(rows, columns)
     * @param stream of the right factor
     */
    public static SumMatrix add(QuantizedMatrix base, int rank, RandomStream stream) {
        double bound = 1 / Math.sqrt(base.columns());
        try (FloatMatrix left = FloatMatrix.allocate(rank, base.rows());
                FloatMatrix right = FloatMatrix.allocate(rank, base.columns())) {
            for (int k = 0; k < rank; k++) {
                for (int j = 0; j < base.columns(); j++) {
                    right.set(k, j, (float) (bound * (2 * stream.nextDouble() - 1)));
                }
            }
            return SumMatrix.of(base, DenseMatrix.of(left, DType.F16), DenseMatrix.of(right, DType.F16));
        }
    }
}
