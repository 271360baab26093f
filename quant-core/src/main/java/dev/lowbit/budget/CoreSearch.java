package dev.lowbit.budget;

import java.util.Arrays;

/**
 * Settles the open matrices of a core by a dynamic program over non-dominated partial sums (size, cost), matrix by matrix,
 * dropping states whose {@link LagrangeBounds bound} cannot reach the best allocation known. Every state that fits the budget is
 * itself an allocation (the rest stays at the base), so the best one improves along the way.
 *
 * <p>A round keeps at most {@code width} states after each matrix. When it had to drop none that could still have been better,
 * the best allocation is optimal; otherwise the next round is wider and starts from the better allocation, which closes most
 * matrices by reduced cost. After the last round the lowest bound of what was dropped is the proven bound.
 */
final class CoreSearch {
    private static final int MIN_ROOM = 16;
    private static final int[] WIDTHS = {1 << 8, 1 << 12, 1 << 15};
    /** Limits the memory of a round to 16 bytes for each, and with it the work. */
    private static final int MAX_NODES = 1 << 21;
    /** Limits the states generated in a round: a fraction of a second, reached only by instances made to be hard. */
    private static final long MAX_STATES = 1 << 23;

    private final Frontier[] frontiers;
    private final Relaxation relaxation;
    private Core core;
    private LagrangeBounds bounds;
    private int[] best;
    private long bestSize;
    private long bestCost;
    private double proven = Double.NEGATIVE_INFINITY;
    private long states;
    private final int openMatrices;
    private final int openChoices;

    /** Chains of choices: a node is a choice on top of its parent; -1 is the base itself. */
    private int[] nodeParent = new int[1024];

    private int[] nodeMatrix = new int[1024];
    private int[] nodeChoice = new int[1024];
    private int nodes;

    CoreSearch(Frontier[] frontiers, Relaxation relaxation) {
        this.frontiers = frontiers;
        this.relaxation = relaxation;
        this.core = Core.open(frontiers, relaxation);
        this.bounds = new LagrangeBounds(core, relaxation.multipliers());
        this.openMatrices = core.matrices();
        this.openChoices = core.choices();
        this.best = relaxation.greedy();
        for (int i = 0; i < frontiers.length; i++) {
            int base = relaxation.base()[i];
            if (best[i] != base) {
                bestSize += frontiers[i].size()[best[i]] - frontiers[i].size()[base];
                bestCost += Core.gridCost(frontiers[i], base, best[i], core.exponent());
            }
        }
    }

    /** Runs rounds until the best allocation is proven optimal or the last width is used up; returns whether it is. */
    boolean run() {
        for (int width : WIDTHS) {
            Core smaller = core.restrict(bounds, bestCost);
            if (smaller == null) {
                return true;
            }
            core = smaller;
            bounds = new LagrangeBounds(core, relaxation.multipliers());
            double dropped = round(width);
            if (dropped > bestCost) {
                return true;
            }
            proven = Math.max(proven, dropped);
        }
        return false;
    }

    /** Frontier positions of the best allocation. */
    int[] best() {
        return best;
    }

    /** States generated in all rounds. */
    long states() {
        return states;
    }

    int openMatrices() {
        return openMatrices;
    }

    int openChoices() {
        return openChoices;
    }

    /**
     * The proven bound in cost units after an unfinished {@link #run()}.
     *
     * @param baseObjective sum of the base's costs, correctly rounded
     */
    double lowerBound(double baseObjective) {
        double difference = Math.scalb(proven - core.rounding(), -core.exponent());
        double bound = baseObjective + difference;
        double error = 2 * (Math.ulp(baseObjective) + Math.ulp(difference) + Math.ulp(bound));
        return Math.max(0, bound - error);
    }

    /**
     * The proven bound after a finished {@link #run()}: the objective itself, less what the grid may have hidden, which is
     * nothing unless the open costs differ by far more than the objective.
     *
     * @param objective cost of the best allocation, correctly rounded
     */
    double provenObjective(double objective) {
        return Math.max(0, objective - Math.scalb(2 * core.rounding(), -core.exponent()));
    }

    /** Returns the lowest bound of the states that left for lack of room, infinity when none did. */
    private double round(int width) {
        nodes = 0;
        long statesBefore = states;
        long choicesLeft = core.choices();
        double dropped = Double.POSITIVE_INFINITY;
        StateList current = new StateList();
        StateList merged = new StateList();
        StateList shifted = new StateList();
        StateList spare = new StateList();
        current.add(0, 0, Double.NEGATIVE_INFINITY, -1, 0);
        for (int k = 0; k < core.matrices() && current.count > 0; k++) {
            int room = room(width, core.matrices() - k, choicesLeft, MAX_STATES - (states - statesBefore));
            choicesLeft -= core.size()[k].length;
            merged.clear();
            for (int c = 0; c < core.size()[k].length; c++) {
                extend(current, k, c, shifted);
                spare.merge(merged, shifted);
                StateList swap = merged;
                merged = spare;
                spare = swap;
                // Without this a matrix of very many choices would need memory for all of them before the final cut.
                if (merged.count > 4 * room) {
                    dropped = Math.min(dropped, merged.truncate(2 * room));
                }
            }
            if (merged.count > room) {
                dropped = Math.min(dropped, merged.truncate(room));
            }
            addNodes(merged, k);
            StateList swap = current;
            current = merged;
            merged = swap;
        }
        return dropped;
    }

    /** How many states may stay after one matrix so that all those still to come get their share of the limits. */
    private int room(int width, int matricesLeft, long choicesLeft, long statesLeft) {
        long byMemory = (MAX_NODES - nodes) / matricesLeft;
        long byWork = statesLeft / choicesLeft;
        return (int) Math.min(width, Math.max(MIN_ROOM, Math.min(byMemory, byWork)));
    }

    /** Fills {@code out} with the states of {@code from} after choice c of matrix k, as far as they can still win. */
    private void extend(StateList from, int k, int c, StateList out) {
        out.clear();
        long addedSize = core.size()[k][c];
        long addedCost = core.cost()[k][c];
        for (int i = 0; i < from.count; i++) {
            long size = from.size[i] + addedSize;
            long cost = from.cost[i] + addedCost;
            if (!bounds.feasible(size, k + 1)) {
                break;
            }
            double bound = bounds.completion(size, cost, k + 1, bestCost);
            if (bound > bestCost) {
                continue;
            }
            out.add(size, cost, bound, from.node[i], c);
            if (size <= core.slack() && (cost < bestCost || cost == bestCost && size < bestSize)) {
                accept(size, cost, from.node[i], k, c);
            }
        }
        states += from.count;
    }

    private void accept(long size, long cost, int node, int k, int c) {
        bestSize = size;
        bestCost = cost;
        best = relaxation.base().clone();
        best[core.matrix()[k]] = core.position()[k][c];
        for (int n = node; n >= 0; n = nodeParent[n]) {
            best[core.matrix()[nodeMatrix[n]]] = core.position()[nodeMatrix[n]][nodeChoice[n]];
        }
    }

    private void addNodes(StateList list, int k) {
        if (nodes + list.count > nodeParent.length) {
            int capacity = Math.max(nodeParent.length * 2, nodes + list.count);
            nodeParent = Arrays.copyOf(nodeParent, capacity);
            nodeMatrix = Arrays.copyOf(nodeMatrix, capacity);
            nodeChoice = Arrays.copyOf(nodeChoice, capacity);
        }
        for (int i = 0; i < list.count; i++) {
            if (core.size()[k][list.choice[i]] != 0) {
                nodeParent[nodes] = list.node[i];
                nodeMatrix[nodes] = k;
                nodeChoice[nodes] = list.choice[i];
                list.node[i] = nodes++;
            }
        }
    }
}
