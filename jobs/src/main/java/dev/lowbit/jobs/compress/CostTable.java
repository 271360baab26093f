package dev.lowbit.jobs.compress;

import dev.lowbit.budget.Candidate;
import dev.lowbit.method.Compressor;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.TreeMap;

/**
 * What every way to store every matrix costs. It grows while a model is priced, and every budget can be planned from it
 * afterwards. Confirmed errors stand beside the predictions instead of replacing them, so that a plan depends on the prices
 * and the budget alone, not on which budgets were planned before.
 */
final class CostTable {
    /**
     * What prices depend on beside the matrix itself.
     *
     * @param software name and version of the program: another version may price otherwise, and mixed prices would make the
     *     bytes depend on which version saw the table first
     * @param inputDigest digest of the checkpoint
     * @param importance digest of the calibration file and the objective, empty for none
     * @param method the method's name
     * @param limits what the caller restricts
     */
    record Key(String software, String inputDigest, String importance, String method, Compressor.Limits limits) {}

    /**
     * The prices of one matrix.
     *
     * @param rows outputs
     * @param columns inputs
     * @param squaredNorm sum of all squared weights
     * @param largest the largest magnitude of a weight
     * @param candidates every way to store it
     */
    record Prices(int rows, int columns, double squaredNorm, double largest, List<Candidate> candidates) {
        Prices {
            candidates = List.copyOf(candidates);
            if (candidates.isEmpty()) {
                throw new IllegalArgumentException("a matrix needs at least one way to store it");
            }
        }

        long weights() {
            return (long) rows * columns;
        }
    }

    private final Key key;
    private final Map<String, Prices> prices = new LinkedHashMap<>();
    private final Map<String, Map<String, Double>> confirmed = new LinkedHashMap<>();

    private final Map<String, Double> divergences = new TreeMap<>();

    CostTable(Key key) {
        this.key = key;
    }

    Key key() {
        return key;
    }

    boolean has(String name) {
        return prices.containsKey(name);
    }

    /** The prices of a matrix that {@link #has} them. */
    Prices prices(String name) {
        Prices found = prices.get(name);
        if (found == null) {
            throw new IllegalArgumentException("no prices of " + name);
        }
        return found;
    }

    /** All priced matrices in the order in which they were priced. */
    Map<String, Prices> all() {
        return Collections.unmodifiableMap(prices);
    }

    void put(String name, Prices of) {
        prices.put(name, of);
    }

    /** The measured error of a predicted candidate, where it is known. */
    OptionalDouble confirmedError(String name, String format) {
        Double error = confirmed(name).get(format);
        return error == null ? OptionalDouble.empty() : OptionalDouble.of(error);
    }

    /** All confirmed errors of a matrix by format. */
    Map<String, Double> confirmed(String name) {
        return confirmed.getOrDefault(name, Map.of());
    }

    /** What a choice of formats for all matrices did on the calibration text, where it was measured. */
    OptionalDouble divergence(String choice) {
        Double divergence = divergences.get(choice);
        return divergence == null ? OptionalDouble.empty() : OptionalDouble.of(divergence);
    }

    /** All measured divergences by the digest of the choice. */
    Map<String, Double> divergences() {
        return Collections.unmodifiableMap(divergences);
    }

    void putDivergence(String choice, double divergence) {
        divergences.put(choice, divergence);
    }

    void confirm(String name, String format, double error) {
        confirmed.computeIfAbsent(name, absent -> new TreeMap<>()).put(format, error);
    }
}
