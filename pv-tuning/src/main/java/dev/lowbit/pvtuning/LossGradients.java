package dev.lowbit.pvtuning;

/**
 * Gradients of L / O, the loss that AQLM reports.
 *
 * @param codewords with respect to C, K x M x tile
 * @param scales with respect to s
 */
record LossGradients(double[] codewords, double[] scales) {
    /** Of a state, which is not modified. */
    static LossGradients perOutput(LayerState state) {
        double[] gradient = new double[state.product().length];
        for (int i = 0; i < gradient.length; i++) {
            gradient[i] = 2 * state.product()[i] / state.problem().rows();
        }
        return new LossGradients(
                TileMap.adjoint(state.weights(), gradient, state.problem().workers()),
                TileMap.scaleGradient(state.weights(), gradient));
    }
}
