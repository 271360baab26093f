package dev.lowbit.pvtuning;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.DoubleGemm;

/** L = tr(Δ H Δᵀ), the objective of a layer, a sum over rows. */
final class LayerLoss {
    private LayerLoss() {}

    /**
     * Δ H.
     *
     * @param delta Δ, O x I row-major; not modified
     * @param h H, I x I, symmetric; not modified
     * @return O x I
     */
    static double[] product(double[] delta, double[] h, int columns, Workers workers) {
        int rows = delta.length / columns;
        return DoubleGemm.product(
                DoubleGemm.of(delta, columns), rows, DoubleGemm.of(h, columns), columns, columns, workers);
    }

    /**
     * L of every row.
     *
     * @param delta Δ, O x I row-major; not modified
     * @param h H, I x I, symmetric; not modified
     */
    static double[] ofRows(double[] delta, double[] h, int columns, Workers workers) {
        double[] product = product(delta, h, columns, workers);
        double[] losses = new double[delta.length / columns];
        for (int row = 0; row < losses.length; row++) {
            double sum = 0;
            for (int i = row * columns; i < (row + 1) * columns; i++) {
                sum += delta[i] * product[i];
            }
            losses[row] = sum;
        }
        return losses;
    }

    /**
     * L.
     *
     * @param approximation Ŵ, O x I row-major; not modified
     * @param weights W, O x I row-major; not modified
     * @param h H, I x I, symmetric; not modified
     */
    static double of(double[] approximation, double[] weights, double[] h, int columns, Workers workers) {
        double[] delta = new double[weights.length];
        for (int i = 0; i < delta.length; i++) {
            delta[i] = approximation[i] - weights[i];
        }
        double sum = 0;
        for (double loss : ofRows(delta, h, columns, workers)) {
            sum += loss;
        }
        return sum;
    }
}
