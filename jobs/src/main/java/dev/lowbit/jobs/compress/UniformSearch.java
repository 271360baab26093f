package dev.lowbit.jobs.compress;

import dev.lowbit.budget.Candidate;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Finds the best uniform formats within a budget. A cost table leaves out what is dominated on a matrix, so the error of a
 * format that is worthwhile elsewhere may be missing there; the best smaller candidate bounds it from below. Formats are
 * measured in the order of that bound until none can be clearly better. Where prices are predictions, so is the bound.
 */
final class UniformSearch {
    /** Many formats differ by less than this in their error; telling them apart would measure them all. */
    private static final double TOLERANCE = 0.01;

    private final CostTable table;
    private final List<Target> targets;
    private final SharedSets sets;
    private final FormatSize formatSize;
    private final ConfirmedErrors confirmed;
    private final boolean onlyExact;

    /** Candidates of each target by their format, from its first question on. */
    private final Map<Target, Map<String, Candidate>> priced = new HashMap<>();

    /** How many bytes a format takes, without what is shared; empty where it does not suit the shape. */
    @FunctionalInterface
    interface FormatSize {
        OptionalLong bytes(String format, int rows, int columns);
    }

    UniformSearch(
            CostTable table, List<Target> targets, SharedSets sets, FormatSize formatSize, ConfirmedErrors confirmed) {
        this.table = table;
        this.targets = targets;
        this.sets = sets;
        this.formatSize = formatSize;
        this.confirmed = confirmed;
        this.onlyExact = table.key().importance().isEmpty();
    }

    /**
     * A format everywhere.
     *
     * @param choice for each target the candidate of that format; exact, or bounded from below
     * @param bytes of all of them, with what they share
     */
    record Uniform(String format, List<Candidate> choice, long bytes) {
        double objective() {
            return choice.stream().mapToDouble(Candidate::error).sum();
        }

        /** The kind of codebook: the letters that the identifier begins with. */
        String family() {
            return format.chars()
                    .takeWhile(Character::isLetter)
                    .mapToObj(Character::toString)
                    .collect(Collectors.joining());
        }

        UniformFormat report(long weights, OptionalDouble squaredNorm, OptionalDouble divergence) {
            return new UniformFormat(
                    family(),
                    format,
                    bytes,
                    8.0 * bytes / weights,
                    objective(),
                    Plan.relativeError(objective(), squaredNorm),
                    divergence);
        }
    }

    /** The best of each family that has one within the budget and can hold all weights, to within {@value #TOLERANCE} of the objective. */
    List<Uniform> best(long budgetBytes) {
        Map<String, List<Uniform>> families = new TreeMap<>();
        for (String format : formats()) {
            Uniform bounded = bounded(format);
            if (bounded.bytes() <= budgetBytes) {
                families.computeIfAbsent(bounded.family(), family -> new ArrayList<>())
                        .add(bounded);
            }
        }
        List<Uniform> best = new ArrayList<>();
        families.values().forEach(family -> best.add(best(family)));
        best.removeIf(format -> format.objective() == Double.POSITIVE_INFINITY);
        return best;
    }

    private Uniform best(List<Uniform> family) {
        family.sort(Comparator.comparingDouble(Uniform::objective)
                .thenComparingLong(Uniform::bytes)
                .thenComparing(Uniform::format));
        Optional<Uniform> best = Optional.empty();
        for (Uniform bounded : family) {
            if (best.isPresent() && best.get().objective() <= bounded.objective() * (1 + TOLERANCE)) {
                break;
            }
            Uniform measured = measured(bounded);
            if (best.isEmpty() || measured.objective() < best.get().objective()) {
                best = Optional.of(measured);
            }
        }
        return best.orElseThrow();
    }

    private TreeSet<String> formats() {
        TreeSet<String> formats = new TreeSet<>();
        targets.forEach(target -> worthwhile(target).forEach(candidate -> formats.add(candidate.format())));
        formats.removeIf(format -> targets.stream()
                .anyMatch(target -> formatSize
                        .bytes(format, target.rows(), target.columns())
                        .isEmpty()));
        return formats;
    }

    /**
     * Formats without a low-rank part. Without a weighting only those priced exactly: to measure a learned codebook on every matrix would
     * cost as much as the whole plan; with one, all, because few prices are exact and calibration judges between mix and format.
     */
    private Stream<Candidate> worthwhile(Target target) {
        return table.prices(target.name()).candidates().stream()
                .filter(candidate -> candidate.rank() == 0 && (candidate.exact() || !onlyExact));
    }

    private Uniform bounded(String format) {
        List<Candidate> choice = targets.stream()
                .map(target -> known(target, format).orElseGet(() -> bound(target, format)))
                .toList();
        return new Uniform(format, choice, sets.bytes(choice));
    }

    private Optional<Candidate> known(Target target, String format) {
        Optional<Candidate> priced = priced(target, format);
        OptionalDouble error = confirmed.of(target, format);
        if (priced.filter(Candidate::exact).isPresent() || error.isEmpty()) {
            return priced;
        }
        return Optional.of(new Candidate(format, 0, bytes(target, format), error.getAsDouble(), true));
    }

    private Optional<Candidate> priced(Target target, String format) {
        return Optional.ofNullable(
                priced.computeIfAbsent(target, this::byFormat).get(format));
    }

    private Map<String, Candidate> byFormat(Target target) {
        Map<String, Candidate> byFormat = new HashMap<>();
        table.prices(target.name())
                .candidates()
                .forEach(candidate -> byFormat.putIfAbsent(candidate.format(), candidate));
        return byFormat;
    }

    /** Whatever left the format out has at most its bytes and at most its error. */
    private Candidate bound(Target target, String format) {
        long bytes = bytes(target, format);
        double error = worthwhile(target)
                .filter(candidate -> candidate.bytes() <= bytes)
                .mapToDouble(Candidate::error)
                .min()
                .orElse(0);
        return new Candidate(format, 0, bytes, error, false);
    }

    private long bytes(Target target, String format) {
        return formatSize.bytes(format, target.rows(), target.columns()).orElseThrow();
    }

    private Uniform measured(Uniform bounded) {
        List<Target> missing = new ArrayList<>();
        List<Candidate> predicted = new ArrayList<>();
        for (int i = 0; i < targets.size(); i++) {
            if (!bounded.choice().get(i).exact()) {
                missing.add(targets.get(i));
                predicted.add(bounded.choice().get(i));
            }
        }
        confirmed.ask(missing, predicted);
        return bounded(bounded.format());
    }
}
