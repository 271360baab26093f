package dev.lowbit.pvtuning;

/** What a {@link StepRule} remembers of one array: its moments m and v, and the steps taken. */
final class StepMemory {
    private static final double EPSILON = 1e-6;

    private final StepRule rule;
    private final double[] mean;
    private final double[] square;
    private final double[] largest;
    private final double[] update;
    private int steps;

    /** That of an array that has taken no step. */
    StepMemory(StepRule rule, int length) {
        this.rule = rule;
        // Without β1 the mean is the gradient itself.
        mean = rule.beta1() == 0 ? null : new double[length];
        square = new double[length];
        largest = rule.largestSquare() ? new double[length] : null;
        update = new double[length];
    }

    /**
     * One step.
     *
     * @param values θ; modified
     * @param gradient g, same length; not modified
     */
    void step(double[] values, double[] gradient, double rate) {
        steps++;
        double shrink = 1 - rate * rule.weightDecay();
        double valueNorm = 0;
        double updateNorm = 0;
        for (int i = 0; i < values.length; i++) {
            values[i] *= shrink;
            update[i] = mean(i, gradient[i]) / (Math.sqrt(square(i, gradient[i])) + EPSILON);
            valueNorm += values[i] * values[i];
            updateNorm += update[i] * update[i];
        }
        double scaled = rate * debiasing();
        if (rule.relative() && valueNorm > 0 && updateNorm > 0) {
            scaled *= Math.sqrt(valueNorm / updateNorm);
        }
        for (int i = 0; i < values.length; i++) {
            values[i] -= scaled * update[i];
        }
    }

    private double mean(int i, double g) {
        if (mean == null) {
            return g;
        }
        mean[i] = rule.beta1() * mean[i] + (1 - rule.beta1()) * g;
        return mean[i];
    }

    private double square(int i, double g) {
        square[i] = rule.beta2() * square[i] + (1 - rule.beta2()) * g * g;
        if (largest == null) {
            return square[i];
        }
        largest[i] = Math.max(largest[i], square[i]);
        return largest[i];
    }

    private double debiasing() {
        if (!rule.debiased()) {
            return 1;
        }
        return Math.sqrt(1 - StrictMath.pow(rule.beta2(), steps)) / (1 - StrictMath.pow(rule.beta1(), steps));
    }
}
