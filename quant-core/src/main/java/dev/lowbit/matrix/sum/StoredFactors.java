package dev.lowbit.matrix.sum;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.LowRank;
import dev.lowbit.linalg.Transpose;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.FloatMatrix;

/**
 * Low-rank factors as they will be written. The alternation works with what they decode to, so that the quantized part can
 * make up for their rounding.
 *
 * @param left L1ᵀ, r x rows
 * @param right L2, r x columns
 */
public record StoredFactors(QuantizedMatrix left, QuantizedMatrix right) {
    /** Encodes {@code factors} and replaces them (modified) by what was stored. */
    public static StoredFactors round(LowRank factors, FactorFormat format, Workers workers) {
        try (FloatMatrix leftRows = FloatMatrix.allocate(factors.rank(), factors.rows())) {
            Transpose.copy(factors.left(), leftRows);
            StoredFactors stored =
                    new StoredFactors(format.encode(leftRows, workers), format.encode(factors.right(), workers));
            stored.decode(factors, leftRows, workers);
            return stored;
        }
    }

    /** Writes the decoded factors to {@code out} (modified). */
    public void decode(LowRank out, Workers workers) {
        try (FloatMatrix leftRows = FloatMatrix.allocate(out.rank(), out.rows())) {
            decode(out, leftRows, workers);
        }
    }

    private void decode(LowRank out, FloatMatrix leftRows, Workers workers) {
        left.dequantize(0, leftRows, workers);
        Transpose.copy(leftRows, out.left());
        right.dequantize(0, out.right(), workers);
    }
}
