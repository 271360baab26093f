package dev.lowbit.jobs.compress;

import dev.lowbit.budget.Candidate;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/** Says why a plan leaves part of its budget. */
final class UnspentBudget {
    private UnspentBudget() {}

    /**
     * One line when more than {@code fraction} of the limit is left, else empty.
     *
     * @param candidates for each matrix the ways to store it
     * @param chosen for each matrix the chosen one
     * @param preferred whether it is a uniform format that the calibration text preferred to the program's answer
     * @param spent bytes of all that is chosen, as the limit counts them
     * @param limit the most that may be spent
     */
    static Optional<String> reason(
            List<List<Candidate>> candidates,
            List<Candidate> chosen,
            boolean preferred,
            long spent,
            long limit,
            double fraction) {
        long left = limit - spent;
        if (left <= fraction * limit) {
            return Optional.empty();
        }
        String unspent = left + " of " + limit + " bytes are left: ";
        if (preferred) {
            return Optional.of(
                    unspent + "on the calibration text one format everywhere is nearer to the model than the mix"
                            + " that spends more");
        }
        OptionalLong step = smallestImprovement(candidates, chosen);
        return Optional.of(unspent
                + (step.isEmpty()
                        ? "every matrix already has the smallest error that any format gives it"
                        : "the smallest step that lowers an error needs " + step.getAsLong() + " bytes"
                                + (step.getAsLong() <= left ? ", and more for what describes it" : "")));
    }

    /** Fewest additional bytes that lower the error of one matrix. */
    private static OptionalLong smallestImprovement(List<List<Candidate>> candidates, List<Candidate> chosen) {
        long smallest = Long.MAX_VALUE;
        for (int i = 0; i < chosen.size(); i++) {
            Candidate now = chosen.get(i);
            for (Candidate other : candidates.get(i)) {
                if (other.error() < now.error()) {
                    smallest = Math.min(smallest, other.bytes() - now.bytes());
                }
            }
        }
        return smallest == Long.MAX_VALUE ? OptionalLong.empty() : OptionalLong.of(smallest);
    }
}
