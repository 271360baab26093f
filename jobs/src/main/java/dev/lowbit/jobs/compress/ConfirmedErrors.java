package dev.lowbit.jobs.compress;

import dev.lowbit.budget.Candidate;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Set;

/**
 * The measured errors that one plan has asked for. The cost table may hold more, of an earlier plan or of this one before it was
 * stopped; a plan that looked at those would depend on its past.
 */
final class ConfirmedErrors {
    private final CostTable table;
    private final Planner.Confirmation confirmation;
    private final Set<Asked> asked = new HashSet<>();

    private record Asked(String target, String format) {}

    /** @param confirmation adds to the table what it lacks */
    ConfirmedErrors(CostTable table, Planner.Confirmation confirmation) {
        this.table = table;
        this.confirmation = confirmation;
    }

    /** The measured error of a format on a target; empty where this plan has not asked for it. */
    OptionalDouble of(Target target, String format) {
        return asked.contains(new Asked(target.name(), format))
                ? table.confirmedError(target.name(), format)
                : OptionalDouble.empty();
    }

    /** Asks for the errors of candidates, one for each of {@code targets}, in order; what the table holds is not measured again. */
    void ask(List<Target> targets, List<Candidate> candidates) {
        List<Target> unknownTargets = new ArrayList<>();
        List<Candidate> unknown = new ArrayList<>();
        for (int i = 0; i < targets.size(); i++) {
            String name = targets.get(i).name();
            String format = candidates.get(i).format();
            asked.add(new Asked(name, format));
            if (table.confirmedError(name, format).isEmpty()) {
                unknownTargets.add(targets.get(i));
                unknown.add(candidates.get(i));
            }
        }
        if (!unknown.isEmpty()) {
            confirmation.confirm(unknownTargets, unknown);
        }
    }
}
