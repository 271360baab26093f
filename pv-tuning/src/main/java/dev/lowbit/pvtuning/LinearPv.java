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
        GuardedParameters parameters = new GuardedParameters(weights);
        LinearCodes codes = new LinearCodes(weights, problem, beam);
        List<Step> steps = new ArrayList<>();
        LayerProblem.Point at = problem.at(weights);
        if (!Double.isFinite(at.loss())) {
            throw new IllegalArgumentException("the loss at the start is " + at.loss());
        }
        double reference = at.loss();
        for (int round = 0; round < rounds; round++) {
            LayerProblem.Point tuned = parameters.step(problem, at);
            steps.add(new Step(round, Kind.PARAMETERS, at.loss(), tuned.loss(), 0));
            LinearCodes.Moved moved = codes.step(tuned);
            steps.add(new Step(round, Kind.CODES, tuned.loss(), moved.point().loss(), moved.changed()));
            at = moved.point();
            if ((round + 1) % PATIENCE == 0) {
                if (at.loss() >= reference * (1 - leastGain)) {
                    break;
                }
                reference = at.loss();
            }
        }
        return new LinearPv(List.copyOf(steps));
    }

    /** L in the end; not to be asked of no rounds. */
    double loss() {
        return steps.getLast().after();
    }
}
