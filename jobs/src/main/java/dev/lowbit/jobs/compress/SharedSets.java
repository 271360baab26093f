package dev.lowbit.jobs.compress;

import dev.lowbit.budget.Candidate;
import dev.lowbit.matrix.MatrixFormat;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.method.Compressor;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiFunction;

/** Which sets of shared parts the candidates of a job use, and what they take: a set that is used counts once. */
final class SharedSets {
    /** More codebooks than two for a model seldom pay, and all subsets would be too many to try. */
    private static final int MOST_IN_A_MENU = 2;

    private final List<Target> targets;
    private final BiFunction<Target, String, Optional<SharedSet>> uses;
    private final Map<List<Object>, Optional<SharedSet>> known = new HashMap<>();
    private final Map<String, Long> bytes = new HashMap<>();

    /** @param uses the set that a target in a format uses; empty for parts of its own */
    SharedSets(List<Target> targets, BiFunction<Target, String, Optional<SharedSet>> uses) {
        this.targets = targets;
        this.uses = uses;
    }

    /** Those of a method. */
    static SharedSets of(Compressor method, List<Target> targets) {
        return new SharedSets(targets, (target, format) -> {
            MatrixFormat parsed = MatrixFormats.parse(format);
            return method.sharedAs(parsed, target.rows(), target.columns())
                    .map(id -> new SharedSet(id, parsed.shareableBytes(target.rows(), target.columns())));
        });
    }

    /**
     * A set of parts that matrices share.
     *
     * @param bytes of its parts
     */
    record SharedSet(String id, long bytes) {}

    /**
     * The sets that a plan may use.
     *
     * @param ids in the order in which candidates name them
     * @param bytes of all of them
     */
    record Menu(Set<String> ids, long bytes) {}

    private Optional<String> id(Target target, String format) {
        Optional<SharedSet> set = known.computeIfAbsent(List.of(target, format), absent -> uses.apply(target, format));
        set.ifPresent(shared -> bytes.put(shared.id(), shared.bytes()));
        return set.map(SharedSet::id);
    }

    /** The sets that a choice uses, in the order of the targets. */
    Menu used(List<Candidate> chosen) {
        Set<String> used = new LinkedHashSet<>();
        for (int i = 0; i < chosen.size(); i++) {
            id(targets.get(i), chosen.get(i).format()).ifPresent(used::add);
        }
        return menu(used);
    }

    private Menu menu(Set<String> used) {
        return new Menu(used, used.stream().mapToLong(bytes::get).sum());
    }

    /** Bytes of a choice: of the candidates, and of each set that they use once. */
    long bytes(List<Candidate> chosen) {
        return chosen.stream().mapToLong(Candidate::bytes).sum() + used(chosen).bytes();
    }

    /** Every subset of at most two of the sets that candidates use with which each target has a candidate; smaller subsets first. */
    List<Menu> menus(List<List<Candidate>> candidates) {
        Set<String> all = new LinkedHashSet<>();
        for (int i = 0; i < candidates.size(); i++) {
            Target target = targets.get(i);
            candidates
                    .get(i)
                    .forEach(candidate -> id(target, candidate.format()).ifPresent(all::add));
        }
        List<Set<String>> subsets = new ArrayList<>(List.of(Set.of()));
        for (int size = 1, from = 0; size <= MOST_IN_A_MENU; size++) {
            int to = subsets.size();
            for (; from < to; from++) {
                addLarger(subsets.get(from), List.copyOf(all), subsets);
            }
        }
        return subsets.stream()
                .map(this::menu)
                .filter(menu -> within(menu, candidates).stream().noneMatch(List::isEmpty))
                .toList();
    }

    private static void addLarger(Set<String> subset, List<String> all, List<Set<String>> to) {
        int next = subset.stream().mapToInt(all::indexOf).max().orElse(-1) + 1;
        for (String id : all.subList(next, all.size())) {
            Set<String> larger = new LinkedHashSet<>(subset);
            larger.add(id);
            to.add(larger);
        }
    }

    /** For each target the candidates that use no set or one of the menu. */
    List<List<Candidate>> within(Menu menu, List<List<Candidate>> candidates) {
        List<List<Candidate>> allowed = new ArrayList<>();
        for (int i = 0; i < candidates.size(); i++) {
            Target target = targets.get(i);
            allowed.add(candidates.get(i).stream()
                    .filter(candidate -> id(target, candidate.format()).stream().allMatch(menu.ids()::contains))
                    .toList());
        }
        return allowed;
    }
}
