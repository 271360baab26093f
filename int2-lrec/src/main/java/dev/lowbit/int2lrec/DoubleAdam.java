package dev.lowbit.int2lrec;

/**
 * Adam (Kingma and Ba 2015) of one array in double, weight decay coupled (added to the gradient): at step t, g = gradient + decay θ,
 * m = β1 m + (1-β1) g, v = β2 v + (1-β2) g², θ = θ - lr m / (1-β1^t) / (√(v / (1-β2^t)) + ε).
 */
final class DoubleAdam {
    private static final double BETA1 = 0.9;
    private static final double BETA2 = 0.999;
    private static final double EPSILON = 1e-8;

    private final double[] mean;
    private final double[] square;
    private int steps;

    DoubleAdam(int length) {
        mean = new double[length];
        square = new double[length];
    }

    /**
     * One step.
     *
     * @param values θ; modified
     * @param gradient not modified
     */
    void step(double[] values, double[] gradient, double learningRate, double weightDecay) {
        steps++;
        double meanScale = 1 / (1 - StrictMath.pow(BETA1, steps));
        double squareScale = 1 / (1 - StrictMath.pow(BETA2, steps));
        for (int i = 0; i < values.length; i++) {
            double g = gradient[i] + weightDecay * values[i];
            mean[i] = BETA1 * mean[i] + (1 - BETA1) * g;
            square[i] = BETA2 * square[i] + (1 - BETA2) * g * g;
            values[i] -= learningRate * mean[i] * meanScale / (Math.sqrt(square[i] * squareScale) + EPSILON);
        }
    }
}
