package dev.lowbit.transformer;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;

/**
 * How far a layer's outputs are from those wanted of it: L = (1/N) Σ (y - t)² over the N values, dL/dy = 2 (y - t) / N. With y = x Ŵᵀ and
 * t = x Wᵀ its gradient tunes one layer without the model around it.
 */
public final class LayerOutputLoss {
    private LayerOutputLoss() {}

    /**
     * The loss and its gradient; the same bits for any workers.
     *
     * @param outputs y, tokens x outputs; not modified
     * @param targets t, same shape; not modified
     * @param gradient same shape; modified (overwritten with dL/dy); may be {@code outputs}
     */
    public static double meanSquares(FloatMatrix outputs, FloatMatrix targets, FloatMatrix gradient, Workers workers) {
        if (outputs.rows() != targets.rows() || outputs.columns() != targets.columns()) {
            throw new IllegalArgumentException("outputs are " + outputs.rows() + " x " + outputs.columns()
                    + ", targets " + targets.rows() + " x " + targets.columns());
        }
        double count = outputs.size();
        double[] sums = new double[outputs.rows()];
        Tokens.forEach(outputs.rows(), workers, (from, to) -> {
            for (int t = from; t < to; t++) {
                for (int i = 0; i < outputs.columns(); i++) {
                    double difference = (double) Tokens.at(outputs, t, i) - Tokens.at(targets, t, i);
                    sums[t] += difference * difference;
                    Tokens.set(gradient, t, i, (float) (2 * difference / count));
                }
            }
        });
        return Tokens.inOrder(sums) / count;
    }
}
