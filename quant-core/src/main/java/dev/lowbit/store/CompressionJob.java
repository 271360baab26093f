package dev.lowbit.store;

import java.util.Collections;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What was asked and what the budget program answered: the part of the manifest that says how the model was made. It holds
 * only what decides bytes; no time, host, thread count, memory figure or path belongs here.
 *
 * @param software name and version of the program, for example {@code lowbit 0.1.0}
 * @param method the method asked for
 * @param seed root seed of every random choice
 * @param budgetBytes bytes of all parts that the budget program could spend
 * @param objective the objective reached by the budget program, as it estimated it
 * @param bound its proven lower bound
 * @param options every other option that decides bytes (ranks, group, weighting, patterns, digests of calibration), by name
 */
public record CompressionJob(
        String software,
        String method,
        long seed,
        long budgetBytes,
        double objective,
        double bound,
        SortedMap<String, String> options) {
    public CompressionJob {
        if (budgetBytes < 0 || !Double.isFinite(objective) || !Double.isFinite(bound)) {
            throw new IllegalArgumentException(
                    "a job needs a budget and finite figures, got " + budgetBytes + ", " + objective + ", " + bound);
        }
        options = Collections.unmodifiableSortedMap(new TreeMap<>(options));
    }

    /**
     * The same job with something done to its result: what was asked and answered stays.
     *
     * @param newSoftware what did it
     * @param more options that decided it, beside those there are
     */
    public CompressionJob followedBy(String newSoftware, Map<String, String> more) {
        SortedMap<String, String> all = new TreeMap<>(options);
        all.putAll(more);
        return new CompressionJob(newSoftware, method, seed, budgetBytes, objective, bound, all);
    }

    /** (objective - bound) / bound: how far the choice can be from the optimum at most; 0 when both are equal. */
    public double gap() {
        return objective == bound ? 0 : (objective - bound) / bound;
    }
}
