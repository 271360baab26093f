package dev.lowbit.jobs.compress;

import dev.lowbit.budget.Candidate;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * How every matrix is stored, and what that costs.
 *
 * @param matrices in the order of the job
 * @param sharedBytes bytes of the sets of parts that matrices share, beside those of the candidates
 * @param budgetBytes bytes of all parts that could be spent
 * @param objective sum of the errors that were predicted
 * @param bound proven lower bound of the objective over all choices within the budget that use the same shared sets
 * @param outputBytes bytes of the whole output directory
 * @param uniform the best uniform format of each family within the same budget
 * @param calibrationDivergence KL(model || compressed model) on the calibration text, where there is one
 * @param note why clearly less than the budget is spent, where that is so
 */
record Plan(
        List<Choice> matrices,
        long sharedBytes,
        long budgetBytes,
        double objective,
        double bound,
        long outputBytes,
        List<UniformFormat> uniform,
        Optional<String> note,
        OptionalDouble calibrationDivergence) {
    /**
     * How one matrix is stored.
     *
     * @param squaredNorm sum of its squared weights; empty when the candidate's error is weighted
     */
    record Choice(Target target, Candidate candidate, OptionalDouble squaredNorm) {
        OptionalDouble relativeError() {
            return Plan.relativeError(candidate.error(), squaredNorm);
        }
    }

    Plan {
        matrices = List.copyOf(matrices);
        uniform = List.copyOf(uniform);
    }

    /** Of all parts, shared ones once. */
    long bytes() {
        return sharedBytes
                + matrices.stream()
                        .mapToLong(choice -> choice.candidate().bytes())
                        .sum();
    }

    long weights() {
        return matrices.stream().mapToLong(choice -> choice.target().weights()).sum();
    }

    double gap() {
        return objective == bound ? 0 : (objective - bound) / bound;
    }

    /** The predicted error of all matrices together; empty when the objective is weighted. */
    OptionalDouble relativeError() {
        return matrices.stream().anyMatch(choice -> choice.squaredNorm().isEmpty())
                ? OptionalDouble.empty()
                : relativeError(
                        objective,
                        OptionalDouble.of(matrices.stream()
                                .mapToDouble(choice -> choice.squaredNorm().getAsDouble())
                                .sum()));
    }

    /** sqrt(squaredError / squaredNorm), 0 when nothing is lost; empty without a norm. */
    static OptionalDouble relativeError(double squaredError, OptionalDouble squaredNorm) {
        if (squaredNorm.isEmpty()) {
            return OptionalDouble.empty();
        }
        double ratio = squaredError == 0 ? 0 : Math.sqrt(squaredError / squaredNorm.getAsDouble());
        return OptionalDouble.of(Math.min(ratio, Double.MAX_VALUE));
    }
}
