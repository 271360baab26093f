package dev.lowbit.transformer.calibration;

import dev.lowbit.tensor.FloatMatrix;

/**
 * What calibration knows of one linear layer y = W x.
 *
 * @param name tensor name of the weight
 * @param fisher outputs x inputs: the empirical Fisher diagonal, the sum over samples of (dL/dW)², L the sample's summed next-token
 *     cross entropy
 * @param outputs per output: the sum over all tokens of (dL/dy)²
 * @param inputs of the layer's inputs; the same object for layers that share them
 */
public record LayerStatistics(String name, FloatMatrix fisher, float[] outputs, Inputs inputs) {
    /**
     * Moments of a vector of inputs over all tokens.
     *
     * @param owner the first layer, in the order of the forward pass, that sees these inputs
     * @param secondMoment E[x xᵀ], inputs x inputs
     * @param mean E[x]
     * @param norm the square root of the sum of x² of each input
     */
    public record Inputs(String owner, FloatMatrix secondMoment, float[] mean, float[] norm) {
        /** Inputs that were zero for every token: their weights had no effect. */
        public int dead() {
            int dead = 0;
            for (float n : norm) {
                dead += n == 0 ? 1 : 0;
            }
            return dead;
        }
    }
}
