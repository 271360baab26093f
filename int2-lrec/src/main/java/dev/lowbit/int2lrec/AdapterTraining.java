package dev.lowbit.int2lrec;

import dev.lowbit.linalg.LowRank;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.tensor.FloatMatrix;

/**
 * An adapter on its way: B and A in double, moved by Adam (β 0.9 and 0.999, ε 1e-8) with coupled weight decay down a {@link
 * LayerObjective}. All inputs
 * are one batch.
 */
public final class AdapterTraining {
    private final LayerObjective objective;
    private final double learningRate;
    private final double weightDecay;
    private final double[] left;
    private final double[] right;
    private final DoubleAdam leftAdam;
    private final DoubleAdam rightAdam;

    /**
     * Starts where the caller says.
     *
     * @param left B, m x r row-major; copied
     * @param right A, r x n row-major; copied
     */
    public AdapterTraining(
            LayerObjective objective, double[] left, double[] right, double learningRate, double weightDecay) {
        this.objective = objective;
        this.learningRate = learningRate;
        this.weightDecay = weightDecay;
        this.left = left.clone();
        this.right = right.clone();
        this.leftAdam = new DoubleAdam(left.length);
        this.rightAdam = new DoubleAdam(right.length);
    }

    /** The published start, which is no correction: B = 0, A uniform in ±1/√n, drawn row by row. */
    public static AdapterTraining random(
            LayerObjective objective, int rank, RandomStream stream, double learningRate, double weightDecay) {
        double[] right = new double[rank * objective.columns()];
        double bound = 1 / Math.sqrt(objective.columns());
        for (int i = 0; i < right.length; i++) {
            right[i] = bound * (2 * stream.nextDouble() - 1);
        }
        double[] left = new double[objective.rows() * rank];
        return new AdapterTraining(objective, left, right, learningRate, weightDecay);
    }

    /** From a correction that is there already, for example the closed form; its product is c B A. */
    public static AdapterTraining from(
            LayerObjective objective, LowRank correction, double learningRate, double weightDecay) {
        double[] left = doubles(correction.left());
        for (int i = 0; i < left.length; i++) {
            left[i] /= objective.scaling();
        }
        return new AdapterTraining(objective, left, doubles(correction.right()), learningRate, weightDecay);
    }

    private static double[] doubles(FloatMatrix matrix) {
        double[] values = new double[Math.toIntExact(matrix.size())];
        int columns = matrix.columns();
        for (int i = 0; i < values.length; i++) {
            values[i] = matrix.get(i / columns, i % columns);
        }
        return values;
    }

    /** Loss and gradients where the adapter is. */
    public LayerObjective.Evaluation evaluate() {
        return objective.evaluate(left, right);
    }

    /** Moves the adapter by the gradients that {@link #evaluate} gave. */
    public void step(LayerObjective.Evaluation at) {
        leftAdam.step(left, at.left(), learningRate, weightDecay);
        rightAdam.step(right, at.right(), learningRate, weightDecay);
    }

    /** B, m x r row-major; live: do not modify. */
    public double[] left() {
        return left;
    }

    /** A, r x n row-major; live: do not modify. */
    public double[] right() {
        return right;
    }
}
