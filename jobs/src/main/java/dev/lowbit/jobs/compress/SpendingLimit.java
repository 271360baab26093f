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
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * How much the parts of all matrices may take: bits per weight, or what is left of the size of the whole output directory.
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
         * @param budgetBytes the budget that the manifest records
         */
        long bytes(List<Candidate> chosen, long budgetBytes);
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
        return outputSize.bytes(chosen, budgetBytes);
    }

    /** Whether the limit is kept by one candidate per matrix. */
    boolean allows(List<Candidate> chosen, long budgetBytes) {
        return switch (budget) {
            case MethodOptions.Budget.BitsPerWeight given -> bytes(chosen) <= budgetBytes;
            case MethodOptions.Budget.OutputBytes given -> outputBytes(chosen, budgetBytes) <= given.bytes();
        };
    }

    /**
     * Solves the budget program.
     *
     * @param candidates for each matrix the ways to store it, at least one each
     * @throws InvalidRequestException (impossible) when nothing fits, naming the smallest limit that does
     */
    Spending solve(List<List<Candidate>> candidates) {
        List<Candidate> smallest = candidates.stream()
                .map(ofMatrix -> ofMatrix.stream()
                        .min(Comparator.comparingLong(Candidate::bytes))
                        .orElseThrow())
                .toList();
        return switch (budget) {
            case MethodOptions.Budget.BitsPerWeight given -> solve(candidates, given.bits(), bytes(smallest));
            case MethodOptions.Budget.OutputBytes given -> solve(candidates, given.bytes(), smallest);
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

    private Spending solve(List<List<Candidate>> candidates, long size, List<Candidate> smallest) {
        long least = outputBytes(smallest, size);
        if (least > size) {
            throw InvalidRequestException.impossible("--size allows " + size + " bytes, the smallest output needs "
                    + least + "; give --size " + least + " or more, or compress more of it with --embeddings");
        }
        long budgetBytes = size - (least - bytes(smallest));
        List<List<Candidate>> charged = charged(candidates, smallest, budgetBytes);
        long room = budgetBytes;
        for (int correction = 0; correction < MAX_CORRECTIONS && room >= bytes(smallest); correction++) {
            Allocation allocation = BudgetSolver.solve(charged, room);
            long over = outputBytes(chosen(candidates, allocation), budgetBytes) - size;
            if (over <= 0) {
                return new Spending(allocation, budgetBytes);
            }
            room = Math.min(room, allocation.size()) - over;
        }
        // only the smallest choice itself is certain to fit
        return new Spending(BudgetSolver.solve(charged, bytes(smallest)), budgetBytes);
    }

    /**
     * The candidates with their bytes raised by what their description takes in the directory beyond that of the smallest
     * candidate: more parts need a longer manifest and longer headers. The same format of the same size is described alike.
     */
    private List<List<Candidate>> charged(
            List<List<Candidate>> candidates, List<Candidate> smallest, long budgetBytes) {
        long base = outputBytes(smallest, budgetBytes) - bytes(smallest);
        Map<List<Object>, Long> extra = new HashMap<>();
        List<List<Candidate>> charged = new ArrayList<>();
        for (int i = 0; i < candidates.size(); i++) {
            int matrix = i;
            charged.add(candidates.get(i).stream()
                    .map(candidate -> {
                        List<Object> description =
                                List.of(smallest.get(matrix).format(), candidate.format(), candidate.bytes());
                        long more = extra.computeIfAbsent(description, absent -> {
                            List<Candidate> choice = new ArrayList<>(smallest);
                            choice.set(matrix, candidate);
                            return Math.max(0, outputBytes(choice, budgetBytes) - bytes(choice) - base);
                        });
                        return new Candidate(
                                candidate.format(),
                                candidate.rank(),
                                candidate.bytes() + more,
                                candidate.error(),
                                candidate.exact());
                    })
                    .toList());
        }
        return charged;
    }

    private static List<Candidate> chosen(List<List<Candidate>> candidates, Allocation allocation) {
        List<Candidate> chosen = new ArrayList<>();
        for (int i = 0; i < candidates.size(); i++) {
            chosen.add(candidates.get(i).get(allocation.choices()[i]));
        }
        return chosen;
    }

    private static long bytes(List<Candidate> chosen) {
        return chosen.stream().mapToLong(Candidate::bytes).sum();
    }
}
