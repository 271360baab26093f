package dev.lowbit.pvtuning;

import dev.lowbit.kernel.Workers;
import java.util.Arrays;

/**
 * The objective of a layer, L = tr(Δ H Δᵀ), a sum over rows.
 *
 * @param weights W, O x I row-major, finite; not modified
 * @param moment H, I x I, symmetric, finite; not modified
 * @param columns I
 */
record LayerProblem(double[] weights, double[] moment, int columns) {
    LayerProblem {
        Tiles.requireFinite(new Tiling(weights.length / columns, columns, 1, 1), weights, "the weight");
        Tiles.requireFinite(new Tiling(columns, columns, 1, 1), moment, "the second moment");
    }

    /**
     * L at an approximation and what its gradient 2 Δ H needs.
     *
     * @param product Δ H, O x I row-major; live
     * @param rows L of every row; live
     */
    record Point(double[] product, double[] rows) {
        /** L. */
        double loss() {
            return Arrays.stream(rows).sum();
        }
    }

    /** One product with H. */
    Point at(AdditiveWeights approximation, Workers workers) {
        double[] delta = approximation.decode();
        for (int i = 0; i < delta.length; i++) {
            delta[i] -= weights[i];
        }
        double[] product = LayerLoss.product(delta, moment, columns, workers);
        double[] rows = new double[delta.length / columns];
        for (int i = 0; i < delta.length; i++) {
            rows[i / columns] += delta[i] * product[i];
        }
        return new Point(product, rows);
    }
}
