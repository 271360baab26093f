package dev.lowbit.pvtuning;

/**
 * The best scale for every row of tiles, codes and codewords fixed: with U = Ŵ / s, s = tr(U H Wᵀ) / tr(U H Uᵀ). L never rises. No matrix product: Ŵ H is
 * Δ H + W H.
 */
final class ScaleStep {
    /** A row of tiles whose U H Uᵀ is this part of W H Wᵀ, or less, keeps its scale. */
    private static final double NOTHING = 1e-30;

    private ScaleStep() {}

    /**
     * Takes the step.
     *
     * @param state one scale for a row of tiles; modified
     */
    static void apply(LayerState state) {
        AdditiveWeights weights = state.weights();
        Tiling tiling = weights.tiling();
        if (weights.scales().length != tiling.tileRows()) {
            throw new IllegalArgumentException("scales of single tiles depend on each other: no closed form");
        }
        int length = tiling.outGroup() * tiling.columns();
        for (int p = 0; p < tiling.tileRows(); p++) {
            double scale = weights.scales()[p];
            double best = scale * ratio(state, p * length, length, scale * scale);
            if (Double.isFinite(best) && best != 0) {
                rescale(state, p * length, length, best / scale);
                weights.scales()[p] = best;
            }
        }
    }

    /** tr(Ŵ H Wᵀ) / tr(Ŵ H Ŵᵀ), or NaN where it means nothing. */
    private static double ratio(LayerState state, int at, int length, double square) {
        double[] w = state.problem().weights();
        double[] wh = state.problem().weightsByMoment();
        double cross = 0;
        double own = 0;
        double energy = 0;
        for (int i = at; i < at + length; i++) {
            double approximation = w[i] + state.delta()[i];
            cross += approximation * wh[i];
            own += approximation * (wh[i] + state.product()[i]);
            energy += w[i] * wh[i];
        }
        return own > NOTHING * energy * square && own > 0 ? cross / own : Double.NaN;
    }

    private static void rescale(LayerState state, int at, int length, double ratio) {
        double[] w = state.problem().weights();
        double[] wh = state.problem().weightsByMoment();
        for (int i = at; i < at + length; i++) {
            state.delta()[i] = ratio * state.delta()[i] + (ratio - 1) * w[i];
            state.product()[i] = ratio * state.product()[i] + (ratio - 1) * wh[i];
        }
    }
}
