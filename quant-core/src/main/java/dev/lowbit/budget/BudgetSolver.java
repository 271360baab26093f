package dev.lowbit.budget;

import dev.lowbit.error.InvalidRequestException;
import java.math.BigDecimal;
import java.util.List;

/**
 * Chooses one candidate per matrix so that the sum of costs is smallest while the sum of sizes stays within a budget: the
 * multiple-choice knapsack of LQ-LoRA section 10,
 *
 * <pre>
 * minimise sum cost[i][c(i)]   subject to   sum size[i][c(i)] &lt;= budget
 * </pre>
 *
 * <p>Method: dominated choices leave ({@link Frontier}); the linear relaxation over the convex hulls gives the optimal
 * multiplier, a proven lower bound and a feasible start ({@link Relaxation}); reduced costs fix almost every matrix, and a
 * dynamic program over non-dominated partial sums, bounded by Lagrangian relaxations, settles the rest ({@link CoreSearch}).
 * It is exact unless its work limit is reached; then the returned bound is the lowest bound of what was left out. With N
 * matrices of K choices the relaxation takes O(N K log(N K)); the search is limited to a fixed number of states.
 *
 * <p>Sizes are summed in 64-bit integers, costs on an integer grid finer than a double's last bit, so sums do not depend on the
 * order of the matrices. Of optimal allocations one of least size is returned; of equal candidates of a matrix the one of
 * lowest index. Deterministic, single-threaded, and free of state.
 */
public final class BudgetSolver {
    /** Far above any weighted squared error of a matrix of floats, far below where sums could overflow a double. */
    private static final double MAX_COST = 1e250;

    private BudgetSolver() {}

    /**
     * @param candidates for each matrix the ways to store it, at least one each; an infinite error marks an unavailable one
     * @param budgetBytes most bytes of all chosen candidates together
     * @throws InvalidRequestException (impossible) when no choice fits, naming the smallest budget that does
     */
    public static Allocation solve(List<List<Candidate>> candidates, long budgetBytes) {
        double[][] cost = new double[candidates.size()][];
        long[][] size = new long[candidates.size()][];
        for (int i = 0; i < cost.length; i++) {
            cost[i] = candidates.get(i).stream().mapToDouble(Candidate::error).toArray();
            size[i] = candidates.get(i).stream().mapToLong(Candidate::bytes).toArray();
        }
        return solve(cost, size, budgetBytes, "bytes").allocation();
    }

    /**
     * @param cost for each matrix the cost of each of its choices, at least 0, positive infinity for unavailable; not modified
     * @param size for each matrix the size of each of its choices, at least 0, in the unit of the budget; not modified
     * @param budget largest sum of sizes
     * @throws InvalidRequestException (impossible) when no choice fits, naming the smallest budget that does
     */
    public static Allocation solve(double[][] cost, long[][] size, long budget) {
        return solve(cost, size, budget, "units").allocation();
    }

    /** An allocation and the work it took: what tests limit instead of time. */
    record Solution(Allocation allocation, boolean proven, long states, int openMatrices, int openChoices) {}

    static Solution solve(double[][] cost, long[][] size, long budget, String unit) {
        Frontier[] frontiers = frontiers(cost, size);
        long smallest = 0;
        long largest = 0;
        for (Frontier f : frontiers) {
            smallest = addSizes(smallest, f.size()[0]);
            largest = addSizes(largest, f.size()[f.length() - 1]);
        }
        if (smallest > budget) {
            throw InvalidRequestException.impossible("a budget of " + budget + " " + unit
                    + " is below the smallest possible; give at least " + smallest + " " + unit);
        }
        Relaxation relaxation = Relaxation.solve(frontiers, Math.min(budget, largest) - smallest);
        if (relaxation.multipliers().length == 0) {
            double objective = objective(frontiers, relaxation.base());
            return new Solution(allocation(frontiers, relaxation.base(), objective, objective), true, 0, 0, 0);
        }
        CoreSearch search = new CoreSearch(frontiers, relaxation);
        boolean proven = search.run();
        double objective = objective(frontiers, search.best());
        double bound = Math.min(
                objective,
                proven
                        ? search.provenObjective(objective)
                        : search.lowerBound(objective(frontiers, relaxation.base())));
        return new Solution(
                allocation(frontiers, search.best(), objective, bound),
                proven,
                search.states(),
                search.openMatrices(),
                search.openChoices());
    }

    private static Frontier[] frontiers(double[][] cost, long[][] size) {
        if (cost.length != size.length) {
            throw new IllegalArgumentException(cost.length + " rows of costs but " + size.length + " of sizes");
        }
        Frontier[] frontiers = new Frontier[cost.length];
        for (int i = 0; i < frontiers.length; i++) {
            check(i, cost[i], size[i]);
            frontiers[i] = Frontier.of(cost[i], size[i]);
            if (frontiers[i].length() == 0) {
                throw InvalidRequestException.impossible("matrix " + i + " has no available candidate among its "
                        + cost[i].length + "; allow more formats or ranks");
            }
        }
        return frontiers;
    }

    private static void check(int i, double[] cost, long[] size) {
        if (cost.length != size.length) {
            throw new IllegalArgumentException(
                    "matrix " + i + " has " + cost.length + " costs but " + size.length + " sizes");
        }
        for (int c = 0; c < cost.length; c++) {
            boolean usable = cost[c] >= 0 && (cost[c] <= MAX_COST || cost[c] == Double.POSITIVE_INFINITY);
            if (!usable || size[c] < 0) {
                throw new IllegalArgumentException("choice " + c + " of matrix " + i + " has cost " + cost[c]
                        + " and size " + size[c] + "; costs need 0 .. " + MAX_COST
                        + " or infinity (unavailable), sizes at least 0");
            }
        }
    }

    private static long addSizes(long a, long b) {
        long sum = a + b;
        if (sum < 0 || sum > Long.MAX_VALUE / 4) {
            throw new IllegalArgumentException("the sizes add up to more than 2^61");
        }
        return sum;
    }

    /** The exact sum of the chosen costs, rounded once, hence the same for every order of the matrices. */
    private static double objective(Frontier[] frontiers, int[] positions) {
        BigDecimal sum = BigDecimal.ZERO;
        for (int i = 0; i < frontiers.length; i++) {
            sum = sum.add(new BigDecimal(frontiers[i].cost()[positions[i]]));
        }
        return sum.doubleValue();
    }

    private static Allocation allocation(Frontier[] frontiers, int[] positions, double objective, double bound) {
        int[] choices = new int[frontiers.length];
        long used = 0;
        for (int i = 0; i < frontiers.length; i++) {
            choices[i] = frontiers[i].index()[positions[i]];
            used += frontiers[i].size()[positions[i]];
        }
        return new Allocation(choices, objective, bound, used);
    }
}
