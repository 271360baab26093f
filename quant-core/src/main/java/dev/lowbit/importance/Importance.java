package dev.lowbit.importance;

import dev.lowbit.tensor.FloatMatrix;

/** What an error in a weight costs: the weighting of the objective that a method minimises. */
public sealed interface Importance {
    /** Every weight counts the same: the squared Frobenius norm. */
    record Uniform() implements Importance {}

    /**
     * Weight (i, j) counts F[i, j]: the empirical Fisher diagonal, objective sum F * (W - Ŵ)^2. Multiplying F by a constant
     * changes no decision.
     *
     * @param fisher rows x columns, finite and non-negative; not modified
     */
    record Diagonal(FloatMatrix fisher) implements Importance {}

    static Importance uniform() {
        return new Uniform();
    }

    static Importance diagonal(FloatMatrix fisher) {
        return new Diagonal(fisher);
    }
}
