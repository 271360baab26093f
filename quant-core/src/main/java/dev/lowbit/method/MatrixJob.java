package dev.lowbit.method;

import dev.lowbit.budget.BitBudget;
import dev.lowbit.budget.BudgetSolver;
import dev.lowbit.budget.Candidate;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.method.Compressor.Limits;
import dev.lowbit.tensor.FloatMatrix;
import java.util.ArrayList;
import java.util.List;

/** Compresses single matrices with one method, each to the same bits per weight, everything counted. Immutable. */
public final class MatrixJob {
    /** Predictions that are measured before the rest of them is given up: near the best they differ by a few percent only. */
    private static final int MOST_CONFIRMED = 6;

    private final Compressor method;
    private final Limits limits;
    private final double bitsPerWeight;

    private MatrixJob(Compressor method, Limits limits, double bitsPerWeight) {
        this.method = method;
        this.limits = limits;
        this.bitsPerWeight = bitsPerWeight;
    }

    /** {@link #compress(String, FloatMatrix, Importance, Workers)} without a name or importance, on the calling thread. */
    public QuantizedMatrix compress(FloatMatrix w) {
        return compress("", w, Importance.uniform(), Workers.serial());
    }

    /**
     * Prices the matrix, takes the smallest error that fits the budget and was measured, and compresses.
     *
     * @param name keys the random stream
     * @param w rows x columns, finite; not modified
     * @throws InvalidRequestException (impossible) when not even the smallest format fits, naming its size
     */
    public QuantizedMatrix compress(String name, FloatMatrix w, Importance importance, Workers workers) {
        List<Candidate> candidates = new ArrayList<>(method.price(name, w, importance, limits, workers));
        if (candidates.isEmpty()) {
            throw method.noFormatHolds(name, w);
        }
        long budget = BitBudget.ofBitsPerWeight(bitsPerWeight, w.size()).bytes();
        for (int confirmed = 0; ; confirmed++) {
            if (confirmed == MOST_CONFIRMED) {
                candidates.removeIf(candidate -> !candidate.exact());
            }
            int choice = BudgetSolver.solve(List.of(candidates), budget).choices()[0];
            Candidate chosen = candidates.get(choice);
            if (chosen.exact()) {
                return method.compress(name, w, importance, chosen, limits, workers);
            }
            candidates.set(choice, method.confirm(name, w, importance, chosen, limits, workers));
        }
    }

    /** Collects what the user wants; every value has a default but the budget. */
    public static final class Builder {
        private final Compressor method;
        private int minRank;
        private int maxRank = 32;
        private int groupSize;
        private long seed;
        private double bitsPerWeight = Double.NaN;

        /** @param method decides the numbers */
        public Builder(Compressor method) {
            this.method = method;
        }

        /** The budget: stored bits per weight, codes, scales and factors all counted. */
        public Builder bitsPerWeight(double bits) {
            this.bitsPerWeight = bits;
            return this;
        }

        /** The largest rank of the low-rank part; 32 unless said, 0 for none. */
        public Builder maxRank(int rank) {
            this.maxRank = rank;
            return this;
        }

        /** The smallest rank; 0 unless said. Clamped to the matrix. */
        public Builder minRank(int rank) {
            this.minRank = rank;
            return this;
        }

        /** Weights per block scale; all that the method knows unless said. */
        public Builder groupSize(int weights) {
            this.groupSize = weights;
            return this;
        }

        /** Root seed of the random sketches; 0 unless said. */
        public Builder seed(long value) {
            this.seed = value;
            return this;
        }

        public MatrixJob build() {
            if (Double.isNaN(bitsPerWeight)) {
                throw InvalidRequestException.usage("no budget was given; call bitsPerWeight, for example with 2.75");
            }
            if (minRank < 0 || maxRank < minRank) {
                throw InvalidRequestException.usage(
                        "ranks " + minRank + " to " + maxRank + " were given; they need 0 <= minimum <= maximum");
            }
            return new MatrixJob(method, new Limits(minRank, maxRank, groupSize, seed), bitsPerWeight);
        }
    }
}
