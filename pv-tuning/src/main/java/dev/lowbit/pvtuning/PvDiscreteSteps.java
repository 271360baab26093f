package dev.lowbit.pvtuning;

import dev.lowbit.method.DiscreteStep;
import dev.lowbit.method.DiscreteSteps;

/** The V steps of PV-Tuning, for ServiceLoader. */
public final class PvDiscreteSteps implements DiscreteSteps {
    /** For ServiceLoader. */
    public PvDiscreteSteps() {}

    @Override
    public DiscreteStep subspace(double fraction, double trust, double decay, double temperature) {
        return new SubspaceStep(fraction, trust, decay, temperature);
    }
}
