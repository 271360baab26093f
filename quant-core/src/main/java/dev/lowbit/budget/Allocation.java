package dev.lowbit.budget;

/**
 * The answer of the budget program.
 *
 * @param choices for each matrix the index of its chosen candidate
 * @param objective sum of the chosen costs
 * @param bound proven lower bound of the objective over all feasible choices
 * @param size sum of the chosen sizes, in the unit of the budget
 */
public record Allocation(int[] choices, double objective, double bound, long size) {
    /** (objective - bound) / bound: how far the answer can be from the optimum at most; 0 when both are 0. */
    public double gap() {
        return objective == bound ? 0 : (objective - bound) / bound;
    }
}
