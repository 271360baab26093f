package dev.lowbit.pvtuning;

/**
 * The continuous step of AQLM (section 3.3 of its paper), here for comparison with the exact steps: Adam of L / O on codewords and scales
 * together, without momentum (beta1 0), beta2 0.95, AMSGrad, epsilon 1e-8. A step may raise L.
 *
 * <pre>
 *   v = β2 v + (1 - β2) g²,  v̂ = max(v̂, v),  θ -= rate g / (sqrt(v̂) / sqrt(1 - β2^t) + ε)
 * </pre>
 */
final class AdamCodewords {
    private static final double BETA = 0.95;
    private static final double EPSILON = 1e-8;

    private final double rate;
    private Moments ofCodewords;
    private Moments ofScales;
    private int steps;

    private record Moments(double[] squares, double[] largest) {
        Moments(int length) {
            this(new double[length], new double[length]);
        }
    }

    /** @param rate how far a parameter moves in a step, about, in its own unit */
    AdamCodewords(double rate) {
        this.rate = rate;
    }

    /**
     * One step; its memory of gradients goes on to the next.
     *
     * @param state of the same shape every time; modified
     */
    void step(LayerState state) {
        AdditiveWeights weights = state.weights();
        if (ofCodewords == null) {
            ofCodewords = new Moments(weights.codewords().length);
            ofScales = new Moments(weights.scales().length);
        }
        steps++;
        ChainRule gradients = ChainRule.ofLossPerOutput(state);
        update(weights.codewords(), gradients.codewords(), ofCodewords);
        update(weights.scales(), gradients.scales(), ofScales);
        state.recompute();
    }

    private void update(double[] parameters, double[] gradient, Moments moments) {
        double bias = Math.sqrt(1 - StrictMath.pow(BETA, steps));
        double[] squares = moments.squares();
        double[] largest = moments.largest();
        for (int i = 0; i < parameters.length; i++) {
            squares[i] = BETA * squares[i] + (1 - BETA) * gradient[i] * gradient[i];
            largest[i] = Math.max(largest[i], squares[i]);
            parameters[i] -= rate * gradient[i] / (Math.sqrt(largest[i]) / bias + EPSILON);
        }
    }
}
