package dev.lowbit.pvtuning;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import java.util.Arrays;

/**
 * The practical step of PV-Tuning with a guard, for objectives known by value and gradient alone: when φ has been higher than
 * its best for more steps than patience allows, they are taken back, and the next, from the best state with nothing remembered, has half
 * the rates and half the tiles. Straight-through methods need some patience: they rise before they fall.
 *
 * @param losses φ before the first step and after every step, those that were taken back included
 * @param best the least of them, which is φ of the weights in the end
 */
record GuardedPv(double[] losses, double best) {
    /**
     * Steps, and ends in the best state seen, the start included.
     *
     * @param weights modified: never worse than before
     * @param steps at least 0; ends early when a loss is not finite
     * @param patience steps in a row that may end higher than the best; 0 keeps every step from raising φ
     * @param random see {@link PvStep}
     */
    static GuardedPv run(
            AdditiveWeights weights,
            Objective objective,
            PvSettings settings,
            int steps,
            int patience,
            RandomStream random,
            Workers workers) {
        Objective.Evaluation present = objective.at(weights.decode());
        if (!Double.isFinite(present.loss())) {
            throw new IllegalArgumentException("the loss at the start is " + present.loss());
        }
        double[] losses = new double[steps + 1];
        losses[0] = present.loss();
        Objective.Evaluation best = present;
        AdditiveWeights kept = weights.copy();
        PvSettings rates = settings;
        PvStep pv = new PvStep(weights, rates, random, workers);
        int worse = 0;
        int done = 0;
        while (done < steps && Double.isFinite(present.loss())) {
            pv.step(present.gradient());
            present = objective.at(weights.decode());
            losses[++done] = present.loss();
            worse++;
            if (present.loss() <= best.loss()) {
                best = present;
                kept = weights.copy();
                worse = 0;
            } else if (worse > patience && Double.isFinite(present.loss())) {
                weights.set(kept);
                present = best;
                rates = rates.halved();
                pv = new PvStep(weights, rates, random, workers);
                worse = 0;
            }
        }
        weights.set(kept);
        return new GuardedPv(Arrays.copyOf(losses, done + 1), best.loss());
    }
}
