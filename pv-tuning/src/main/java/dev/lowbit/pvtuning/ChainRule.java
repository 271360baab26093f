package dev.lowbit.pvtuning;

import dev.lowbit.kernel.Workers;

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
    static ChainRule of(AdditiveWeights weights, double[] gradient, Workers workers) {
        return new ChainRule(TileMap.adjoint(weights, gradient, workers), TileMap.scaleGradient(weights, gradient));
    }

    /** Of L / O, the loss that AQLM reports, with G = 2 Δ H / O; the state is not modified. */
    static ChainRule ofLossPerOutput(LayerState state) {
        double[] gradient = new double[state.product().length];
        for (int i = 0; i < gradient.length; i++) {
            gradient[i] = 2 * state.product()[i] / state.problem().rows();
        }
        return of(state.weights(), gradient, state.problem().workers());
    }
}
