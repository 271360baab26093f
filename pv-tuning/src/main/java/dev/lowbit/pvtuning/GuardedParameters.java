package dev.lowbit.pvtuning;

/**
 * The P step of {@link LinearPv}: codewords and scales follow the gradient of log L by Adam, taken back if L rises. A rise halves the
 * rate and forgets the moments; every other step lets the rate grow a little, so that its start matters little.
 */
final class GuardedParameters {
    /** A step of every number is this part of the root mean square of its array. */
    private static final double FIRST_RATE = 0.03;

    private static final double GROWTH = 1.05;

    private final AdditiveWeights weights;
    private double rate = FIRST_RATE;
    private StepMemory codewords;
    private StepMemory scales;

    /** That of weights that have taken no step; every step modifies their codewords and scales. */
    GuardedParameters(AdditiveWeights weights) {
        this.weights = weights;
        forget();
    }

    private void forget() {
        StepRule rule = StepRule.adam(0.9, 0.95);
        codewords = new StepMemory(rule, weights.codewords().length);
        scales = new StepMemory(rule, weights.scales().length);
    }

    /** One step from {@code at}; the point where it ends, which is {@code at} if L would have risen. */
    LayerProblem.Point step(LayerProblem problem, LayerProblem.Point at) {
        double loss = at.loss();
        if (loss <= 0) {
            return at;
        }
        double[] gradient = at.product().clone();
        for (int i = 0; i < gradient.length; i++) {
            // log L has the same minimum, and makes the steps those of any multiple of W or H.
            gradient[i] *= 2 / loss;
        }
        ChainRule parameters = ChainRule.of(weights, gradient, problem.workers());
        double[] oldCodewords = weights.codewords().clone();
        double[] oldScales = weights.scales().clone();
        codewords.step(weights.codewords(), parameters.codewords(), rate * rootMeanSquare(oldCodewords));
        scales.step(weights.scales(), parameters.scales(), rate * rootMeanSquare(oldScales));
        LayerProblem.Point next = problem.at(weights);
        if (next.loss() <= loss) {
            rate *= GROWTH;
            return next;
        }
        System.arraycopy(oldCodewords, 0, weights.codewords(), 0, oldCodewords.length);
        System.arraycopy(oldScales, 0, weights.scales(), 0, oldScales.length);
        rate /= 2;
        forget();
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
