package dev.lowbit.lqlora;

/** How the low-rank step of an alternation is solved. */
public sealed interface LowRankMethod {
    /** By a full decomposition in double: the court, for matrices of a few hundred rows. */
    record Exact() implements LowRankMethod {}

    /**
     * By a fresh random sketch in every alternation, as the authors do.
     *
     * @param oversampling vectors beyond the rank; the authors use 10
     * @param powerIterations the authors use 2
     */
    record Randomized(int oversampling, int powerIterations) implements LowRankMethod {}

    /**
     * By subspace iteration that goes on from the last alternation: two products a step instead of six, and over-relaxed: the
     * step looks at L + alpha E instead of L + E, alpha = max(last, first - decrease * t) in alternation t = 1, 2, ...
     *
     * @param oversampling least number of vectors beyond the rank
     * @param firstSteps steps of the first alternation, which starts cold
     * @param steps steps of every later one
     * @param first alpha of the first relaxed alternation; 1 is the plain alternation
     * @param decrease how much alpha falls per alternation
     * @param last where it stops falling
     */
    record Warm(int oversampling, int firstSteps, int steps, double first, double decrease, double last)
            implements LowRankMethod {
        float relaxation(int alternation) {
            return (float) Math.max(last, first - decrease * alternation);
        }
    }
}
