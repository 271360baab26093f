package dev.lowbit.pvtuning;

/**
 * A variant of the practical step of PV-Tuning (arXiv 2405.14852) and of what it is compared with.
 *
 * @param parameterRule how codewords and scales follow their gradients
 * @param parameterRate their rate; 0 leaves them as they are
 * @param codeRule how the target of the codes follows the gradient of Ŵ
 * @param codeRate its rate; 0 leaves the codes as they are
 * @param decay how much of the target is forgotten after a step: 1 starts every step from Ŵ, 0 never forgets, which is straight-through
 * @param reselection how codes follow the target
 */
record PvSettings(
        StepRule parameterRule,
        double parameterRate,
        StepRule codeRule,
        double codeRate,
        double decay,
        Reselection reselection) {
    private static final double PARAMETER_RATE = 3e-4;
    private static final double BUFFERED_RATE = 1e-3;
    private static final double DIRECT_RATE = 3e-3;

    PvSettings {
        if (!(parameterRate >= 0 && codeRate >= 0 && decay >= 0 && decay <= 1)) {
            throw new IllegalArgumentException("rates are at least 0 and a decay is from 0 to 1, got " + parameterRate
                    + ", " + codeRate + " and " + decay);
        }
    }

    /** The P step alone: codes stay. */
    static PvSettings parametersOnly() {
        return adam(0, 1, 1);
    }

    /** Straight-through for a fraction of all tiles a step: 1 is the plain baseline, 0.01 the published best with the subspace. */
    static PvSettings straightThrough(double fraction) {
        return adam(BUFFERED_RATE, 0, fraction);
    }

    /** A target that keeps 1 - {@code decay} of itself from step to step. */
    static PvSettings decaying(double decay, double fraction) {
        return adam(BUFFERED_RATE, decay, fraction);
    }

    /** A step from Ŵ for a fraction of all tiles: 1 is the linearised step that is known to stall, less the subspace step. */
    static PvSettings direct(double fraction) {
        return adam(DIRECT_RATE, 1, fraction);
    }

    /** What the authors publish for language models: LAMB, straight-through, 1 % of all tiles. */
    static PvSettings published() {
        return new PvSettings(
                StepRule.lamb(0.9, 0.95).withDebiasing(),
                PARAMETER_RATE,
                StepRule.lamb(0, 0.95).withDebiasing(),
                1e-2,
                0,
                Reselection.nearest(1, 0.01));
    }

    private static PvSettings adam(double codeRate, double decay, double fraction) {
        return new PvSettings(
                StepRule.adam(0.9, 0.95),
                PARAMETER_RATE,
                StepRule.adam(0, 0.95),
                codeRate,
                decay,
                Reselection.nearest(1, fraction));
    }

    /** The V step alone: codewords and scales stay. */
    PvSettings codesOnly() {
        return withRates(0, codeRate);
    }

    /** The same with other rates. */
    PvSettings withRates(double parameters, double codes) {
        return new PvSettings(parameterRule, parameters, codeRule, codes, decay, reselection);
    }

    /** The same with half the rates for half the tiles. */
    PvSettings halved() {
        return withRates(parameterRate / 2, codeRate / 2).with(reselection.withFraction(reselection.fraction() / 2));
    }

    /** The same with another reselection. */
    PvSettings with(Reselection other) {
        return new PvSettings(parameterRule, parameterRate, codeRule, codeRate, decay, other);
    }
}
