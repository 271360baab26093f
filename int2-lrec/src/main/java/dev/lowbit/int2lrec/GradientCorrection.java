package dev.lowbit.int2lrec;

import dev.lowbit.linalg.LowRank;
import java.util.Arrays;

/**
 * A low-rank correction found by gradients, as LREC (INT2.1, arXiv 2306.08162) finds its own, layer by layer. {@link
 * LowRankCorrection} is its exact
 * optimum, so this can only approach it; it is here for what the closed form can't do (weight decay, stopping early) and for comparison.
 *
 * @param factors c B and A, so that their product is the correction; of the state with the least error; the caller closes them
 * @param error ε of that state, in double
 * @param losses before every step, and after the last
 */
public record GradientCorrection(LowRank factors, double error, double[] losses) {
    /**
     * Steps, and keeps the best state seen, the start included.
     *
     * @param training modified: it ends {@code steps} further
     * @param steps at least 0; ends early when a loss is not finite
     */
    public static GradientCorrection run(LayerObjective objective, AdapterTraining training, int steps) {
        double[] losses = new double[steps + 1];
        double least = Double.POSITIVE_INFINITY;
        double[] left = training.left().clone();
        double[] right = training.right().clone();
        int done = 0;
        for (; done <= steps; done++) {
            LayerObjective.Evaluation at = training.evaluate();
            if (!Double.isFinite(at.loss())) {
                break;
            }
            losses[done] = at.loss();
            if (at.error() < least) {
                least = at.error();
                left = training.left().clone();
                right = training.right().clone();
            }
            if (done < steps) {
                training.step(at);
            }
        }
        return new GradientCorrection(factors(objective, left, right), least, Arrays.copyOf(losses, done));
    }

    private static LowRank factors(LayerObjective objective, double[] left, double[] right) {
        int m = objective.rows();
        int n = objective.columns();
        int r = m == 0 ? 0 : left.length / m;
        LowRank factors = LowRank.allocate(m, n, r);
        for (int i = 0; i < m; i++) {
            for (int k = 0; k < r; k++) {
                factors.left().set(i, k, (float) (objective.scaling() * left[i * r + k]));
            }
        }
        for (int k = 0; k < r; k++) {
            for (int j = 0; j < n; j++) {
                factors.right().set(k, j, (float) right[k * n + j]);
            }
        }
        return factors;
    }
}
