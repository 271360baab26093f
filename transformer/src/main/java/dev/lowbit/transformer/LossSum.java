package dev.lowbit.transformer;

import dev.lowbit.kernel.Kernels;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;

/** Two losses on the same rows together, such as a divergence from a teacher and the cross entropy of the text. */
public record LossSum(TokenLoss first, TokenLoss second) implements TokenLoss {
    @Override
    public double apply(int firstRow, FloatMatrix logits, Workers workers) {
        try (FloatMatrix other = FloatMatrix.allocate(logits.rows(), logits.columns())) {
            other.copyFrom(logits);
            double sum = first.apply(firstRow, logits, workers) + second.apply(firstRow, other, workers);
            int n = logits.columns();
            Tokens.forEach(logits.rows(), workers, (from, to) -> {
                for (int t = from; t < to; t++) {
                    long at = (long) t * n;
                    Kernels.get().axpy(1, other.segment(), at, logits.segment(), at, n);
                }
            });
            return sum;
        }
    }
}
