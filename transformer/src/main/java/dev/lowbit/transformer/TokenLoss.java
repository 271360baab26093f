package dev.lowbit.transformer;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;

/** A loss that is a sum over the rows of the logits. */
public interface TokenLoss {
    /**
     * The loss of some rows.
     *
     * @param firstRow the batch's row that row 0 of {@code logits} belongs to
     * @param logits rows x vocabulary; modified: replaced by the gradient of the loss
     * @return the sum over these rows, added in row order
     */
    double apply(int firstRow, FloatMatrix logits, Workers workers);
}
