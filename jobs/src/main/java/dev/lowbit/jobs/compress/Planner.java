package dev.lowbit.jobs.compress;

import dev.lowbit.budget.Allocation;
import dev.lowbit.budget.Candidate;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Chooses one candidate for each matrix.
 *
 * <p>The budget program is solved over the prices; every chosen prediction is then replaced by a measured error and the
 * program solved again, until the answer rests on measured errors alone. Which sets of shared parts it may use is decided first, on the prices. After {@link #MAX_ROUNDS} rounds the predictions that
 * are left are taken out. So the objective bounds what is written from above, and an optimistic prediction costs time but never
 * quality. The plan depends on the prices, the budget and nothing else.
 */
final class Planner {
    /** A limit chosen, not measured: each round costs at most one decomposition per matrix. */
    private static final int MAX_ROUNDS = 12;

    /** What a plan leaves unspent without explaining it. */
    private static final double EXPLAINED_FRACTION = 0.005;

    private final CostTable table;
    private final List<Target> targets;
    private final SharedSets sets;
    private final SpendingLimit limit;
    private final UniformSearch.FormatSize formatSize;
    private final ConfirmedErrors confirmed;
    private final Optional<Judge> judge;

    /** Measures what a choice does to the model on the calibration text. */
    @FunctionalInterface
    interface Judge {
        /** The divergence of the model with one candidate for each target, in order. */
        double divergence(List<Candidate> chosen);
    }

    /** Measures what predicted candidates really cost. */
    @FunctionalInterface
    interface Confirmation {
        /** Adds to the table the confirmed error of each candidate, one for each of {@code targets}, in order. */
        void confirm(List<Target> targets, List<Candidate> candidates);
    }

    /**
     * @param table holds the prices of all targets; {@code confirmation} adds to it
     * @param judge decides between the program's answer and uniform formats; empty where the objective does
     */
    Planner(
            CostTable table,
            List<Target> targets,
            SharedSets sets,
            SpendingLimit limit,
            UniformSearch.FormatSize formatSize,
            Confirmation confirmation,
            Optional<Judge> judge) {
        this.table = table;
        this.targets = List.copyOf(targets);
        this.sets = sets;
        this.limit = limit;
        this.formatSize = formatSize;
        this.confirmed = new ConfirmedErrors(table, confirmation);
        this.judge = judge;
    }

    Plan plan() {
        SharedSets.Menu menu = limit.menu(candidates(true));
        for (int round = 0; round < MAX_ROUNDS; round++) {
            List<List<Candidate>> candidates = sets.within(menu, candidates(true));
            SpendingLimit.Spending spending = limit.solve(menu, candidates);
            SharedSets.Menu used = sets.used(chosen(candidates, spending));
            if (confirmChosen(candidates, spending.allocation()) && used.ids().equals(menu.ids())) {
                return plan(candidates, spending);
            }
            // what a set takes that is not used after all can be spent
            menu = used;
        }
        List<List<Candidate>> exact = sets.within(menu, candidates(false));
        return plan(exact, limit.solve(menu, exact));
    }

    private List<List<Candidate>> candidates(boolean predictions) {
        List<List<Candidate>> all = new ArrayList<>();
        for (int i = 0; i < targets.size(); i++) {
            Target target = targets.get(i);
            List<Candidate> ofMatrix = new ArrayList<>();
            for (Candidate candidate : table.prices(target.name()).candidates()) {
                OptionalDouble error = confirmed.of(target, candidate.format());
                if (candidate.exact() || error.isEmpty()) {
                    if (candidate.exact() || predictions) {
                        ofMatrix.add(candidate);
                    }
                } else {
                    ofMatrix.add(new Candidate(
                            candidate.format(), candidate.rank(), candidate.bytes(), error.getAsDouble(), true));
                }
            }
            all.add(ofMatrix);
        }
        return all;
    }

    /** Confirms every chosen prediction; true when there was none. */
    private boolean confirmChosen(List<List<Candidate>> candidates, Allocation allocation) {
        List<Target> predictedTargets = new ArrayList<>();
        List<Candidate> predicted = new ArrayList<>();
        for (int i = 0; i < targets.size(); i++) {
            Candidate chosen = candidates.get(i).get(allocation.choices()[i]);
            if (!chosen.exact()) {
                predictedTargets.add(targets.get(i));
                predicted.add(chosen);
            }
        }
        confirmed.ask(predictedTargets, predicted);
        return predicted.isEmpty();
    }

    private Plan plan(List<List<Candidate>> candidates, SpendingLimit.Spending spending) {
        long weights = targets.stream().mapToLong(Target::weights).sum();
        OptionalDouble norm = targets.stream().map(this::squaredNorm).reduce(OptionalDouble.of(0), Planner::sum);
        List<UniformSearch.Uniform> uniform =
                new UniformSearch(table, targets, sets, formatSize, confirmed).best(spending.budgetBytes());
        List<Candidate> chosen = chosen(candidates, spending, uniform);
        List<Plan.Choice> choices = new ArrayList<>();
        for (int i = 0; i < targets.size(); i++) {
            choices.add(new Plan.Choice(targets.get(i), chosen.get(i), squaredNorm(targets.get(i))));
        }
        double objective = chosen.stream().mapToDouble(Candidate::error).sum();
        long budgetBytes = spending.budgetBytes();
        return new Plan(
                choices,
                sets.used(chosen).bytes(),
                budgetBytes,
                objective,
                Math.min(objective, spending.allocation().bound()),
                limit.outputBytes(chosen, budgetBytes),
                uniform.stream()
                        .map(format -> format.report(weights, norm, divergence(format.choice())))
                        .toList(),
                UnspentBudget.reason(
                        candidates,
                        chosen,
                        judge.isPresent() && !chosen.equals(chosen(candidates, spending)),
                        limit.spentBytes(chosen, budgetBytes),
                        limit.limitBytes(budgetBytes),
                        EXPLAINED_FRACTION),
                divergence(chosen));
    }

    private OptionalDouble divergence(List<Candidate> chosen) {
        return judge.isEmpty()
                ? OptionalDouble.empty()
                : OptionalDouble.of(judge.get().divergence(chosen));
    }

    /** What an error is relative to; errors weighted by importance are relative to nothing a reader knows. */
    private OptionalDouble squaredNorm(Target target) {
        return table.key().importance().isEmpty()
                ? OptionalDouble.of(table.prices(target.name()).squaredNorm())
                : OptionalDouble.empty();
    }

    private static OptionalDouble sum(OptionalDouble a, OptionalDouble b) {
        return a.isEmpty() || b.isEmpty()
                ? OptionalDouble.empty()
                : OptionalDouble.of(a.getAsDouble() + b.getAsDouble());
    }

    /** The program's answer, or a uniform format where that is better: by less than the program's gap, or on the calibration text. */
    private List<Candidate> chosen(
            List<List<Candidate>> candidates, SpendingLimit.Spending spending, List<UniformSearch.Uniform> uniform) {
        List<Candidate> chosen = chosen(candidates, spending);
        double best = spending.allocation().objective();
        double divergence = divergence(chosen).orElse(0);
        for (UniformSearch.Uniform format : uniform) {
            if (!limit.allows(format.choice(), spending.budgetBytes())) {
                continue;
            }
            double other = divergence(format.choice()).orElse(0);
            if (other < divergence || other == divergence && format.objective() < best) {
                chosen = format.choice();
                divergence = other;
                best = format.objective();
            }
        }
        return chosen;
    }

    private static List<Candidate> chosen(List<List<Candidate>> candidates, SpendingLimit.Spending spending) {
        List<Candidate> chosen = new ArrayList<>();
        for (int i = 0; i < candidates.size(); i++) {
            chosen.add(candidates.get(i).get(spending.allocation().choices()[i]));
        }
        return chosen;
    }
}
