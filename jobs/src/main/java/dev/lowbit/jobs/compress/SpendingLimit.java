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
import java.util.HashMap;
import java.util.List;
import java.util.Map;

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
    SpendingLimit(MethodOptions.Budget budget, long weights, OutputSize outputSize) {
        this.budget = budget;
        this.weights = weights;
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
        return switch (budget) {
            case MethodOptions.Budget.BitsPerWeight given -> bytes(chosen) <= budgetBytes;
            case MethodOptions.Budget.OutputBytes given -> outputBytes(chosen, budgetBytes) <= given.bytes();
            case MethodOptions.Budget.OneFormat given -> true;
        };
    }

    /**
     * Solves the budget program.
     *
     * @param candidates for each matrix the ways to store it, at least one each
     * @throws InvalidRequestException (impossible) when nothing fits, naming the smallest limit that does
     */
    Spending solve(List<List<Candidate>> candidates) {
        int[] smallest =
                least(candidates, (matrix, i) -> candidates.get(matrix).get(i).bytes());
        return switch (budget) {
            case MethodOptions.Budget.BitsPerWeight given ->
                solve(candidates, given.bits(), bytes(chosen(candidates, smallest)));
            case MethodOptions.Budget.OutputBytes given -> solve(candidates, given.bytes(), smallest);
            case MethodOptions.Budget.OneFormat given -> {
                long bytes = bytes(chosen(candidates, smallest));
                yield new Spending(BudgetSolver.solve(candidates, bytes), bytes);
            }
        };
    }

    private Spending solve(List<List<Candidate>> candidates, double bits, long smallestBytes) {
        long bytes = BitBudget.ofBitsPerWeight(bits, weights).bytes();
        if (smallestBytes > bytes) {
            throw InvalidRequestException.impossible("--bits " + bits + " allows " + bytes
                    + " bytes, the smallest formats need " + smallestBytes + "; give --bits "
                    + smallestBits(smallestBytes) + " or more");
        }
        return new Spending(BudgetSolver.solve(candidates, bytes), bytes);
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

    private Spending solve(List<List<Candidate>> candidates, long size, int[] smallestParts) {
        List<long[]> descriptions = descriptions(candidates, chosen(candidates, smallestParts));
        int[] least = smallestOutput(candidates, smallestParts, descriptions);
        List<Candidate> smallest = chosen(candidates, least);
        long need = need(smallest, size);
        if (need > size) {
            long named = smallestSize(smallest, need);
            throw InvalidRequestException.impossible("--size allows " + size + " bytes, the smallest output needs "
                    + named + "; give --size " + named + " or more, or compress more of it with --embeddings");
        }
        long budgetBytes = bytes(smallest) + size - need;
        List<List<Candidate>> charged = charged(candidates, least, descriptions);
        long room = budgetBytes;
        double bound = 0;
        for (int correction = 0; correction < MAX_CORRECTIONS && room >= bytes(smallest); correction++) {
            Allocation allocation = BudgetSolver.solve(charged, room);
            long over = outputBytes(chosen(candidates, allocation.choices()), budgetBytes) - size;
            if (over <= 0) {
                return new Spending(allocation, budgetBytes);
            }
            bound = allocation.bound();
            room = Math.min(room, allocation.size()) - over;
        }
        // only the smallest output itself is certain to fit
        double objective = smallest.stream().mapToDouble(Candidate::error).sum();
        return new Spending(new Allocation(least, objective, bound, bytes(smallest)), budgetBytes);
    }

    /**
     * Bytes of the directory when nothing is left to spend. With more to spend the recorded budget may have more digits, but
     * never as many more as there are bytes more.
     */
    private long need(List<Candidate> chosen, long size) {
        return outputSize.bytes(chosen, new MethodOptions.Budget.OutputBytes(size), bytes(chosen));
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
     * need a longer manifest and longer headers. The same format of the same size is described alike.
     */
    private List<long[]> descriptions(List<List<Candidate>> candidates, List<Candidate> smallest) {
        long base = outputBytes(smallest, 0) - bytes(smallest);
        Map<List<Object>, Long> extra = new HashMap<>();
        List<long[]> all = new ArrayList<>();
        for (int i = 0; i < candidates.size(); i++) {
            int matrix = i;
            all.add(candidates.get(i).stream()
                    .mapToLong(candidate -> extra.computeIfAbsent(
                            List.of(smallest.get(matrix).format(), candidate.format(), candidate.bytes()), absent -> {
                                List<Candidate> choice = new ArrayList<>(smallest);
                                choice.set(matrix, candidate);
                                return outputBytes(choice, 0) - bytes(choice) - base;
                            }))
                    .toArray());
        }
        return all;
    }

    /** The candidates with their bytes raised by what their description takes beyond that of the candidate at {@code least}. */
    private static List<List<Candidate>> charged(
            List<List<Candidate>> candidates, int[] least, List<long[]> descriptions) {
        List<List<Candidate>> charged = new ArrayList<>();
        for (int matrix = 0; matrix < candidates.size(); matrix++) {
            long[] extra = descriptions.get(matrix);
            List<Candidate> ofMatrix = new ArrayList<>();
            for (int i = 0; i < extra.length; i++) {
                Candidate candidate = candidates.get(matrix).get(i);
                long more = Math.max(0, extra[i] - extra[least[matrix]]);
                ofMatrix.add(new Candidate(
                        candidate.format(),
                        candidate.rank(),
                        candidate.bytes() + more,
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

    private static long bytes(List<Candidate> chosen) {
        return chosen.stream().mapToLong(Candidate::bytes).sum();
    }
}
