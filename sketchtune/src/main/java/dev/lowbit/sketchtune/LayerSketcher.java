package dev.lowbit.sketchtune;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.NonFiniteWeightException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gram;
import dev.lowbit.tensor.FloatMatrix;

/** Sketches of single layers from their inputs: the published recipe and ours, by {@link SketchSettings}. */
public final class LayerSketcher {
    private LayerSketcher() {}

    /**
     * A sketch for the inputs that a layer has seen.
     *
     * @param weights W, outputs x inputs; not modified
     * @param inputs X, tokens x inputs; fewer tokens than inputs are allowed, and told in the result
     * @throws NonFiniteWeightException naming a weight that is NaN or infinite
     * @throws InvalidRequestException (usage) without inputs or for inputs that are NaN or infinite, (impossible) when the columns do not make the
     *     groups or no damping makes H positive definite
     */
    public static LayerSketch sketch(
            FloatMatrix weights, FloatMatrix inputs, SketchSettings settings, Workers workers) {
        if (inputs.rows() == 0 || inputs.columns() != weights.columns()) {
            throw InvalidRequestException.usage("a sketch of " + weights.columns()
                    + " inputs needs tokens of as many, got " + inputs.rows() + " tokens of " + inputs.columns());
        }
        for (int t = 0; t < inputs.rows(); t++) {
            for (int j = 0; j < inputs.columns(); j++) {
                if (!Float.isFinite(inputs.get(t, j))) {
                    throw InvalidRequestException.usage("input " + j + " of token " + t + " is " + inputs.get(t, j)
                            + "; inputs must be finite, calibrate again");
                }
            }
        }
        return sketch(weights, Gram.of(inputs, true, workers), inputs.rows(), settings, workers);
    }

    /**
     * A sketch for a second moment.
     *
     * @param weights W, outputs x inputs; not modified
     * @param moment XᵀX or a multiple of it, inputs x inputs, row-major, symmetric, finite; not modified
     * @param tokens rows of X, for the result
     */
    public static LayerSketch sketch(
            FloatMatrix weights, double[] moment, long tokens, SketchSettings settings, Workers workers) {
        int n = weights.columns();
        if (moment.length != (long) n * n) {
            throw new IllegalArgumentException("an array of " + moment.length + " is no " + n + " x " + n + " matrix");
        }
        if (n % settings.groups() != 0) {
            throw InvalidRequestException.impossible(
                    n + " columns do not make " + settings.groups() + " equal groups; take a divisor, for example 1");
        }
        Sketch sketch = Sketch.empty(weights.rows(), n, settings.groups(), settings.entries());
        try (Curvature curvature = Curvature.of(moment, n, settings.damping(), settings.actOrder(), workers);
                FloatMatrix alive = withoutDead(weights, curvature);
                RowObjective objective =
                        new HessianObjective(alive, curvature, settings.clustering(), settings.exponent(), workers)) {
            SketchLearner.learn(objective, sketch, settings.refits());
            return new LayerSketch(
                    sketch.rows(),
                    n,
                    settings.groups(),
                    settings.bits(),
                    sketch.floats(),
                    sketch.codes(),
                    tokens,
                    curvature.damping());
        }
    }

    /** W with 0 in dead columns, which no output depends on. */
    private static FloatMatrix withoutDead(FloatMatrix weights, Curvature curvature) {
        FloatMatrix alive = FloatMatrix.allocate(weights.rows(), weights.columns());
        for (int i = 0; i < weights.rows(); i++) {
            for (int j = 0; j < weights.columns(); j++) {
                float weight = weights.get(i, j);
                if (!Float.isFinite(weight)) {
                    alive.close();
                    throw new NonFiniteWeightException(i, j, weight);
                }
                alive.set(i, j, curvature.isDead(j) ? 0 : weight);
            }
        }
        return alive;
    }
}
