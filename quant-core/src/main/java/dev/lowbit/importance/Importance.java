package dev.lowbit.importance;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Norms;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Optional;

/** What an error in a weight costs: the weighting of the objective that a method minimises. */
public sealed interface Importance permits Importance.Uniform, Importance.Diagonal, Hessian {
    /**
     * A factor for the squared error of each weight, rows x columns: the objective itself for {@link Diagonal}, what of it does not
     * look at pairs of weights for {@link Hessian}; empty where every weight counts the same.
     */
    Optional<FloatMatrix> diagonal();

    /**
     * The objective of an error.
     *
     * @param difference W - Ŵ, rows x columns; not modified
     */
    double of(FloatMatrix difference, Workers workers);

    /** Every weight counts the same: the squared Frobenius norm. */
    record Uniform() implements Importance {
        @Override
        public double of(FloatMatrix difference, Workers workers) {
            return Norms.sumOfSquares(difference, workers);
        }

        @Override
        public Optional<FloatMatrix> diagonal() {
            return Optional.empty();
        }
    }

    /**
     * Weight (i, j) counts F[i, j]: the empirical Fisher diagonal, objective sum F * (W - Ŵ)^2. Multiplying F by a constant
     * changes no decision.
     *
     * @param fisher rows x columns, finite and non-negative; not modified
     */
    record Diagonal(FloatMatrix fisher) implements Importance {
        @Override
        public double of(FloatMatrix difference, Workers workers) {
            try (FloatMatrix zero = FloatMatrix.allocate(difference.rows(), difference.columns())) {
                return Norms.weightedSquaredDifference(difference, zero, fisher, workers);
            }
        }

        @Override
        public Optional<FloatMatrix> diagonal() {
            return Optional.of(fisher);
        }
    }

    static Importance uniform() {
        return new Uniform();
    }

    static Importance diagonal(FloatMatrix fisher) {
        return new Diagonal(fisher);
    }
}
