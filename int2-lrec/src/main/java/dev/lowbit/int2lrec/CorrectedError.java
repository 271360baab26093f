package dev.lowbit.int2lrec;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.DoubleGemm;
import dev.lowbit.linalg.LowRank;
import dev.lowbit.tensor.FloatMatrix;

/**
 * The error of a layer under a correction, from the error without it and products of the rank's width: for a row e of E and b of B
 *
 * <pre>(e - b A) XᵀX (e - b A)ᵀ = e XᵀX eᵀ - 2 b (A XᵀX) eᵀ + b (A XᵀX Aᵀ) bᵀ</pre>
 */
public final class CorrectedError {
    private CorrectedError() {}

    /**
     * Σ_i o_i δ_i XᵀX δ_iᵀ with Δ = E - B A, at least 0, in double; ε when all weights are 1.
     *
     * @param residual E, m x n; not modified
     * @param base e_i XᵀX e_iᵀ of every row, see {@link LayerError#ofRows}; not modified
     * @param factors B and A as they will be used, for example after rounding to half floats; not modified
     * @param outputs o, m values; null for ones
     */
    public static double of(
            FloatMatrix residual,
            double[] base,
            LowRank factors,
            SecondMoment moment,
            float[] outputs,
            Workers workers) {
        int m = residual.rows();
        int n = residual.columns();
        int r = factors.rank();
        double[] turned =
                DoubleGemm.product(DoubleGemm.of(factors.right()), r, DoubleGemm.of(moment.values(), n), n, n, workers);
        double[] inner = DoubleGemm.product(
                DoubleGemm.of(turned, n), r, DoubleGemm.ofTransposed(factors.right()), r, n, workers);
        double[] cross =
                DoubleGemm.product(DoubleGemm.of(residual), m, DoubleGemm.ofTransposed(turned, n), r, n, workers);
        double sum = 0;
        for (int i = 0; i < m; i++) {
            double row = base[i];
            for (int k = 0; k < r; k++) {
                double product = -2 * cross[i * r + k];
                for (int l = 0; l < r; l++) {
                    product += inner[k * r + l] * factors.left().get(i, l);
                }
                row += factors.left().get(i, k) * product;
            }
            sum += outputs == null ? row : outputs[i] * row;
        }
        return Math.max(0, sum);
    }
}
