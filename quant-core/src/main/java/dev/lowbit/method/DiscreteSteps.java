package dev.lowbit.method;

import java.util.ServiceLoader;

/** Where discrete steps come from: the module of a method has them, and whoever tunes finds them by ServiceLoader. */
public interface DiscreteSteps {
    /**
     * A step in which some tiles of a matrix follow the target of their codes.
     *
     * @param fraction of the tiles that may change in a step, above 0, at most 1: those that the target has left the farthest
     * @param trust how far the matrix may move in a step, as a share of its norm, above 0; infinite for no limit
     * @param decay how much of what the codes have not followed the target forgets, from 0, nothing, to 1, all
     * @param temperature τ of stochastic rounding: the second nearest codes are taken with odds (d1 / d2)^(1 / τ), d being the distances from the
     *     target; 0 for the nearest always
     * @throws dev.lowbit.error.InvalidRequestException (usage) for other numbers
     */
    DiscreteStep subspace(double fraction, double trust, double decay, double temperature);

    /** The one on the class path. */
    static DiscreteSteps find() {
        return ServiceLoader.load(DiscreteSteps.class, DiscreteSteps.class.getClassLoader())
                .findFirst()
                .orElseThrow(() -> new IllegalStateException("no module on the class path has discrete steps"));
    }
}
