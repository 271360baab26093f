package dev.lowbit.jobs.compress;

import dev.lowbit.budget.Candidate;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.TreeMap;

/**
 * What storing every matrix in the same format without a low-rank term would give: what a mix has to beat.
 *
 * @param family the kind of codebook, for example {@code nf}
 * @param format the format
 * @param bytes of all matrices together
 * @param bitsPerWeight of all matrices together
 * @param objective sum of the squared errors
 * @param relativeError of all matrices together; empty when the objective is weighted
 */
public record UniformFormat(
        String family,
        String format,
        long bytes,
        double bitsPerWeight,
        double objective,
        OptionalDouble relativeError) {
    /**
     * The best uniform format of each family within the budget, by family; a family without one is absent.
     *
     * @param candidates for each matrix the ways to store it
     * @param squaredNorm of all weights; empty when the errors are weighted
     */
    static List<UniformFormat> best(
            List<List<Candidate>> candidates, long weights, OptionalDouble squaredNorm, long budgetBytes) {
        Map<String, UniformFormat> best = new TreeMap<>();
        for (List<Candidate> uniform : uniformChoices(candidates)) {
            String format = uniform.getFirst().format();
            long bytes = uniform.stream().mapToLong(Candidate::bytes).sum();
            double objective = uniform.stream().mapToDouble(Candidate::error).sum();
            if (bytes <= budgetBytes) {
                UniformFormat found = new UniformFormat(
                        family(format),
                        format,
                        bytes,
                        8.0 * bytes / weights,
                        objective,
                        Plan.relativeError(objective, squaredNorm));
                best.merge(found.family, found, (a, b) -> better(a, b) ? a : b);
            }
        }
        return List.copyOf(best.values());
    }

    /** The best of all families; null when none fits. */
    static UniformFormat best(List<UniformFormat> ofFamilies) {
        return ofFamilies.stream()
                .min(Comparator.comparingDouble(UniformFormat::objective))
                .orElse(null);
    }

    private static boolean better(UniformFormat a, UniformFormat b) {
        return a.objective < b.objective || a.objective == b.objective && a.bytes <= b.bytes;
    }

    /** For every format that each matrix knows with an exact error and without a low-rank term, the choice of it everywhere. */
    private static List<List<Candidate>> uniformChoices(List<List<Candidate>> candidates) {
        Map<String, List<Candidate>> byFormat = new LinkedHashMap<>();
        for (List<Candidate> ofMatrix : candidates) {
            for (Candidate candidate : ofMatrix) {
                if (candidate.exact() && candidate.rank() == 0) {
                    byFormat.computeIfAbsent(candidate.format(), absent -> new ArrayList<>())
                            .add(candidate);
                }
            }
        }
        return byFormat.values().stream()
                .filter(choice -> choice.size() == candidates.size())
                .toList();
    }

    private static String family(String format) {
        int end = 0;
        while (end < format.length() && Character.isLetter(format.charAt(end))) {
            end++;
        }
        return format.substring(0, end);
    }
}
