package dev.lowbit.pvtuning;

import java.util.ArrayList;
import java.util.List;

/**
 * PV-Tuning (arXiv 2405.14852) of one layer that never raises its objective: rounds of a P step and a linearised V step, each kept as far
 * as L doesn't rise. A round costs two products with H.
 *
 * @param steps what was done, in order: the losses never rise
 */
record LinearPv(List<Step> steps) {
    /** Rounds without gain before the end; rates and subsets halve meanwhile. */
    private static final int PATIENCE = 8;

    /** Which half of a round. */
    enum Kind {
        /** Codewords and scales. */
        PARAMETERS,
        /** Codes. */
        CODES
    }

    /**
     * One half of a round.
     *
     * @param before L
     * @param after L; the same if nothing was kept
     * @param changed tiles that have other codes than before
     */
    record Step(int round, Kind kind, double before, double after, int changed) {}

    /**
     * Tunes a layer.
     *
     * @param weights modified: never worse than before
     * @param beam hypotheses of the search for codes
     * @param rounds at most so many
     * @param leastGain ends when 8 rounds have lowered L by less than this part of it
     */
    static LinearPv run(AdditiveWeights weights, LayerProblem problem, int beam, int rounds, double leastGain) {
        LayerState state = new LayerState(problem, weights.copy());
        GuardedParameters parameters = new GuardedParameters(state);
        LinearCodes codes = new LinearCodes(state, beam);
        List<Step> steps = new ArrayList<>();
        double loss = state.loss();
        if (!Double.isFinite(loss)) {
            throw new IllegalArgumentException("the loss at the start is " + loss);
        }
        double reference = loss;
        for (int round = 0; round < rounds; round++) {
            state = parameters.step(state);
            double tuned = state.loss();
            steps.add(new Step(round, Kind.PARAMETERS, loss, tuned, 0));
            int changed = codes.step(state);
            loss = state.loss();
            steps.add(new Step(round, Kind.CODES, tuned, loss, changed));
            if ((round + 1) % PATIENCE == 0) {
                if (loss >= reference * (1 - leastGain)) {
                    break;
                }
                reference = loss;
            }
        }
        weights.set(state.weights());
        return new LinearPv(List.copyOf(steps));
    }

    /** L in the end; not to be asked of no rounds. */
    double loss() {
        return steps.getLast().after();
    }
}
