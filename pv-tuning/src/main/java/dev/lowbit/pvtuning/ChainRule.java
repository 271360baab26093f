package dev.lowbit.pvtuning;

/**
 * The gradient of additive weights' continuous parameters by the chain rule from G = ∂φ/∂Ŵ, for any objective φ: with U[p, q] =
 * Σ_m C[m][b[p, q, m]]
 *
 * <pre>
 *   ∂φ/∂s[p, q] = &lt;G[p, q], U[p, q]&gt;                                   summed over q for one scale a row
 *   ∂φ/∂C[m][k] = Σ s[p, q] G[p, q] over the tiles with b[p, q, m] = k     0 for a codeword nobody uses
 * </pre>
 *
 * @param codewords ∂φ/∂C, as {@link AdditiveWeights#codewords()}
 * @param scales ∂φ/∂s, as {@link AdditiveWeights#scales()}
 */
record ChainRule(double[] codewords, double[] scales) {
    /**
     * The gradients at the present codes, codewords and scales.
     *
     * @param weights not modified
     * @param gradient G, O x I row-major; not modified
     */
    static ChainRule of(AdditiveWeights weights, double[] gradient) {
        Tiling tiling = weights.tiling();
        double[] codewords = new double[weights.codewords().length];
        double[] scales = new double[weights.scales().length];
        double[] tile = new double[tiling.tileSize()];
        double[] unscaled = new double[tiling.tileSize()];
        for (int p = 0; p < tiling.tileRows(); p++) {
            for (int q = 0; q < tiling.tileColumns(); q++) {
                Tiles.load(tiling, gradient, p, q, tile);
                weights.unscaledTile(p, q, unscaled);
                int at = weights.scaleAt(p, q);
                double scale = weights.scales()[at];
                for (int i = 0; i < tile.length; i++) {
                    scales[at] += tile[i] * unscaled[i];
                }
                int first = (p * tiling.tileColumns() + q) * weights.codebooks();
                for (int m = 0; m < weights.codebooks(); m++) {
                    int to = weights.at(m, weights.codes()[first + m]);
                    for (int i = 0; i < tile.length; i++) {
                        codewords[to + i] += scale * tile[i];
                    }
                }
            }
        }
        return new ChainRule(codewords, scales);
    }
}
