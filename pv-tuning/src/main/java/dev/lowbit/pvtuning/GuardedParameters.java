package dev.lowbit.pvtuning;

/**
 * The P step of {@link LinearPv}: codewords and scales follow the gradient of log L by Adam, taken back if L rises. A rise halves the
 * rate and forgets the moments; every other step lets the rate grow a little, so that its start matters little.
 */
final class GuardedParameters {
    /** A step of every number is this part of the root mean square of its array. */
    private static final double FIRST_RATE = 0.03;

    private static final double GROWTH = 1.05;

    private double rate = FIRST_RATE;
    private StepMemory codewords;
    private StepMemory scales;

    /** That of a state that has taken no step. */
    GuardedParameters(LayerState start) {
        forget(start.weights());
    }

    private void forget(AdditiveWeights weights) {
        StepRule rule = StepRule.adam(0.9, 0.95);
        codewords = new StepMemory(rule, weights.codewords().length);
        scales = new StepMemory(rule, weights.scales().length);
    }

    /** One step from a state, which is not modified and is the result if L would have risen. */
    LayerState step(LayerState at) {
        double loss = at.loss();
        if (loss <= 0) {
            return at;
        }
        double[] gradient = at.product().clone();
        for (int i = 0; i < gradient.length; i++) {
            // log L has the same minimum, and makes the steps those of any multiple of W or H.
            gradient[i] *= 2 / loss;
        }
        LayerState next = at.copy();
        AdditiveWeights weights = next.weights();
        ChainRule parameters = ChainRule.of(weights, gradient, at.problem().workers());
        codewords.step(weights.codewords(), parameters.codewords(), rate * rootMeanSquare(weights.codewords()));
        scales.step(weights.scales(), parameters.scales(), rate * rootMeanSquare(weights.scales()));
        next.recompute();
        if (next.loss() <= loss) {
            rate *= GROWTH;
            return next;
        }
        rate /= 2;
        forget(weights);
        return at;
    }

    private static double rootMeanSquare(double[] values) {
        double sum = 0;
        for (double value : values) {
            sum += value * value;
        }
        return Math.sqrt(sum / values.length);
    }
}
