package dev.lowbit.jobs.compress;

import dev.lowbit.budget.Allocation;
import dev.lowbit.budget.BitBudget;
import dev.lowbit.budget.BudgetSolver;
import dev.lowbit.budget.Candidate;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.MethodOptions;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/**
 * How much the parts of all matrices may take: bits per weight, what is left of the size of the whole output directory, or
 * what one format takes.
 * The directory holds a manifest that describes the choices, so in the second case the limit depends a little on them.
 */
final class SpendingLimit {
    /** The directory beside the parts differs by some digits between two choices; two or three corrections settle. */
    private static final int MAX_CORRECTIONS = 16;

    private final MethodOptions.Budget budget;
    private final long weights;
    private final SharedSets sets;
    private final OutputSize outputSize;

    /** How large the whole output directory becomes. */
    @FunctionalInterface
    interface OutputSize {
        /**
         * Its exact bytes.
         *
         * @param chosen one candidate per matrix
         * @param asked the budget option that the manifest records
         * @param budgetBytes the budget that the manifest records
         */
        long bytes(List<Candidate> chosen, MethodOptions.Budget asked, long budgetBytes);
    }

    /** @param weights of all matrices */
    SpendingLimit(MethodOptions.Budget budget, long weights, SharedSets sets, OutputSize outputSize) {
        this.budget = budget;
        this.weights = weights;
        this.sets = sets;
        this.outputSize = outputSize;
    }

    /**
     * The answer of the budget program.
     *
     * @param budgetBytes bytes of all parts that the program could spend
     */
    record Spending(Allocation allocation, long budgetBytes) {}

    /** Exact bytes of the whole output directory. */
    long outputBytes(List<Candidate> chosen, long budgetBytes) {
        return outputSize.bytes(chosen, budget, budgetBytes);
    }

    /** Whether the limit is kept by one candidate per matrix. */
    boolean allows(List<Candidate> chosen, long budgetBytes) {
        return spentBytes(chosen, budgetBytes) <= limitBytes(budgetBytes);
    }

    /** What the limit counts of one candidate per matrix: their parts, or the whole directory. */
    long spentBytes(List<Candidate> chosen, long budgetBytes) {
        return budget instanceof MethodOptions.Budget.OutputBytes
                ? outputBytes(chosen, budgetBytes)
                : sets.bytes(chosen);
    }

    /** The most that {@link #spentBytes} may be. */
    long limitBytes(long budgetBytes) {
        return budget instanceof MethodOptions.Budget.OutputBytes given ? given.bytes() : budgetBytes;
    }

    /**
     * The best menu of shared sets: of the budget program's answers with each, the one of the smallest objective; of equal ones that of the
     * first menu.
     *
     * @param candidates for each matrix the ways to store it, at least one each
     * @throws InvalidRequestException (budget too small) when nothing fits with any menu, naming the smallest limit that does
     */
    SharedSets.Menu menu(List<List<Candidate>> candidates) {
        List<SharedSets.Menu> menus = sets.menus(candidates);
        if (menus.size() == 1) {
            return menus.getFirst();
        }
        SharedSets.Menu best = null;
        double least = Double.POSITIVE_INFINITY;
        for (SharedSets.Menu menu : menus) {
            List<List<Candidate>> allowed = sets.within(menu, candidates);
            OptionalLong room = room(menu, allowed);
            if (room.isPresent()) {
                double objective = BudgetSolver.solve(allowed, room.getAsLong()).objective();
                if (best == null || objective < least) {
                    best = menu;
                    least = objective;
                }
            }
        }
        return best == null
                ? menus.stream()
                        .min(Comparator.comparingLong(menu -> smallest(menu, sets.within(menu, candidates))))
                        .orElseThrow()
                : best;
    }

    /** What candidates may take with a menu, before what describes them is looked at closely; empty when the smallest do not fit. */
    private OptionalLong room(SharedSets.Menu menu, List<List<Candidate>> allowed) {
        List<Candidate> smallest = chosen(allowed, smallestParts(allowed));
        long room = switch (budget) {
            case MethodOptions.Budget.BitsPerWeight given ->
                BitBudget.ofBitsPerWeight(given.bits(), weights).bytes() - menu.bytes();
            case MethodOptions.Budget.OutputBytes given ->
                given.bytes() - need(smallest, given.bytes()) + sets.bytes(smallest) - menu.bytes();
            case MethodOptions.Budget.OneFormat given -> ownBytes(smallest);
        };
        return room < ownBytes(smallest) ? OptionalLong.empty() : OptionalLong.of(room);
    }

    /** In what the limit counts, the least that a choice with a menu takes. */
    private long smallest(SharedSets.Menu menu, List<List<Candidate>> allowed) {
        int[] parts = smallestParts(allowed);
        if (budget instanceof MethodOptions.Budget.OutputBytes given) {
            List<long[]> descriptions = descriptions(allowed, chosen(allowed, parts));
            return need(chosen(allowed, smallestOutput(allowed, parts, descriptions)), given.bytes());
        }
        return ownBytes(chosen(allowed, parts)) + menu.bytes();
    }

    /**
     * Solves the budget program.
     *
     * @param menu what the shared sets take that candidates use
     * @param candidates for each matrix the ways to store it that the menu allows, at least one each
     * @throws InvalidRequestException (budget too small) when nothing fits, naming the smallest limit that does
     */
    Spending solve(SharedSets.Menu menu, List<List<Candidate>> candidates) {
        int[] smallest = smallestParts(candidates);
        return switch (budget) {
            case MethodOptions.Budget.BitsPerWeight given ->
                solve(menu, candidates, given.bits(), ownBytes(chosen(candidates, smallest)));
            case MethodOptions.Budget.OutputBytes given -> solve(menu, candidates, given.bytes(), smallest);
            case MethodOptions.Budget.OneFormat given -> {
                long bytes = ownBytes(chosen(candidates, smallest));
                yield new Spending(BudgetSolver.solve(candidates, bytes), bytes + menu.bytes());
            }
        };
    }

    private static int[] smallestParts(List<List<Candidate>> candidates) {
        return least(candidates, (matrix, i) -> candidates.get(matrix).get(i).bytes());
    }

    private Spending solve(SharedSets.Menu menu, List<List<Candidate>> candidates, double bits, long smallestBytes) {
        long bytes = BitBudget.ofBitsPerWeight(bits, weights).bytes();
        long need = smallestBytes + menu.bytes();
        if (need > bytes) {
            throw InvalidRequestException.budgetTooSmall("--bits " + bits + " allows " + bytes
                    + " bytes, the smallest formats need " + need + "; give --bits " + smallestBits(need) + " or more");
        }
        return new Spending(BudgetSolver.solve(candidates, bytes - menu.bytes()), bytes);
    }

    /** The smallest number of five decimals whose budget holds so many bytes. */
    private String smallestBits(long bytes) {
        return BigDecimal.valueOf(bytes)
                .multiply(BigDecimal.valueOf(Byte.SIZE))
                .divide(BigDecimal.valueOf(weights), 5, RoundingMode.CEILING)
                .toPlainString();
    }

    /** Bytes of the candidate of a matrix at a place in its list, by some way of counting. */
    @FunctionalInterface
    private interface Cost {
        long of(int matrix, int candidate);
    }

    /** For each matrix the place of the cheapest candidate. */
    private static int[] least(List<List<Candidate>> candidates, Cost cost) {
        int[] least = new int[candidates.size()];
        for (int matrix = 0; matrix < least.length; matrix++) {
            for (int i = 1; i < candidates.get(matrix).size(); i++) {
                if (cost.of(matrix, i) < cost.of(matrix, least[matrix])) {
                    least[matrix] = i;
                }
            }
        }
        return least;
    }

    private Spending solve(SharedSets.Menu menu, List<List<Candidate>> candidates, long size, int[] smallestParts) {
        List<long[]> descriptions = descriptions(candidates, chosen(candidates, smallestParts));
        int[] least = smallestOutput(candidates, smallestParts, descriptions);
        List<Candidate> smallest = chosen(candidates, least);
        long need = need(smallest, size);
        if (need > size) {
            long named = smallestSize(smallest, need);
            throw InvalidRequestException.budgetTooSmall("--size allows " + size + " bytes, the smallest output needs "
                    + named + "; give --size " + named + " or more, or compress more of it with --embeddings");
        }
        List<List<Candidate>> charged = charged(candidates, descriptions);
        long described = ownBytes(chosen(charged, least));
        long certainBytes = sets.bytes(smallest) + size - need;
        // what other choices save in their description they can spend
        long budgetBytes = certainBytes + described - ownBytes(smallest);
        long room = budgetBytes - menu.bytes();
        double bound = 0;
        for (int correction = 0; correction < MAX_CORRECTIONS && room >= described; correction++) {
            Allocation allocation = BudgetSolver.solve(charged, room);
            // of the first room: what a correction takes away excludes choices that fit all the same
            bound = correction == 0 ? allocation.bound() : bound;
            long over = outputBytes(chosen(candidates, allocation.choices()), budgetBytes) - size;
            if (over <= 0) {
                return new Spending(
                        new Allocation(allocation.choices(), allocation.objective(), bound, allocation.size()),
                        budgetBytes);
            }
            room = Math.min(room, allocation.size()) - over;
        }
        // only the smallest output itself is certain to fit
        double objective = smallest.stream().mapToDouble(Candidate::error).sum();
        return new Spending(new Allocation(least, objective, bound, ownBytes(smallest)), certainBytes);
    }

    /**
     * Bytes of the directory when nothing is left to spend. With more to spend the recorded budget may have more digits, but
     * never as many more as there are bytes more.
     */
    private long need(List<Candidate> chosen, long size) {
        return outputSize.bytes(chosen, new MethodOptions.Budget.OutputBytes(size), sets.bytes(chosen));
    }

    /** The smallest size that is enough: the manifest records the size itself, so a longer number needs more. */
    private long smallestSize(List<Candidate> smallest, long atLeast) {
        long size = atLeast;
        while (need(smallest, size) > size) {
            size = need(smallest, size);
        }
        return size;
    }

    /** A format of few bytes may need a longer description than one of some bytes more. */
    private int[] smallestOutput(List<List<Candidate>> candidates, int[] smallestParts, List<long[]> descriptions) {
        int[] described = least(
                candidates,
                (matrix, i) ->
                        candidates.get(matrix).get(i).bytes() + descriptions.get(matrix)[i]);
        long bytes = outputBytes(chosen(candidates, described), 0);
        // headers are padded, so that what is smallest matrix by matrix need not be so together
        return bytes <= outputBytes(chosen(candidates, smallestParts), 0) ? described : smallestParts;
    }

    /**
     * What the description of each candidate takes in the directory beyond that of the matrix's smallest candidate: more parts
     * need a longer manifest and longer headers. The same format of the same size is described alike. That a set of shared parts is described
     * too is no candidate's; {@link #solve} finds out.
     */
    private List<long[]> descriptions(List<List<Candidate>> candidates, List<Candidate> smallest) {
        long base = description(smallest);
        SharedSets.Menu used = sets.used(smallest);
        Map<SharedSets.Menu, Long> baseWithOthers = new HashMap<>();
        Map<List<Object>, Long> extra = new HashMap<>();
        List<long[]> all = new ArrayList<>();
        for (int i = 0; i < candidates.size(); i++) {
            int matrix = i;
            all.add(candidates.get(i).stream()
                    .mapToLong(candidate -> {
                        List<Candidate> choice = new ArrayList<>(smallest);
                        choice.set(matrix, candidate);
                        SharedSets.Menu menu = sets.used(choice);
                        return extra.computeIfAbsent(
                                List.of(smallest.get(matrix).format(), candidate.format(), candidate.bytes(), menu),
                                absent -> menu.equals(used)
                                        ? description(choice) - base
                                        : description(choice)
                                                - baseWithOthers.computeIfAbsent(menu, first -> description(choice)));
                    })
                    .toArray());
        }
        return all;
    }

    private long description(List<Candidate> chosen) {
        return outputBytes(chosen, 0) - sets.bytes(chosen);
    }

    /** The candidates with their bytes raised by what their description takes beyond the shortest of the matrix. */
    private static List<List<Candidate>> charged(List<List<Candidate>> candidates, List<long[]> descriptions) {
        List<List<Candidate>> charged = new ArrayList<>();
        for (int matrix = 0; matrix < candidates.size(); matrix++) {
            long[] extra = descriptions.get(matrix);
            long shortest = Arrays.stream(extra).min().orElseThrow();
            List<Candidate> ofMatrix = new ArrayList<>();
            for (int i = 0; i < extra.length; i++) {
                Candidate candidate = candidates.get(matrix).get(i);
                ofMatrix.add(new Candidate(
                        candidate.format(),
                        candidate.rank(),
                        candidate.bytes() + extra[i] - shortest,
                        candidate.error(),
                        candidate.exact()));
            }
            charged.add(ofMatrix);
        }
        return charged;
    }

    private static List<Candidate> chosen(List<List<Candidate>> candidates, int[] choices) {
        List<Candidate> chosen = new ArrayList<>();
        for (int i = 0; i < candidates.size(); i++) {
            chosen.add(candidates.get(i).get(choices[i]));
        }
        return chosen;
    }

    /** Without what they share. */
    private static long ownBytes(List<Candidate> chosen) {
        return chosen.stream().mapToLong(Candidate::bytes).sum();
    }
}
