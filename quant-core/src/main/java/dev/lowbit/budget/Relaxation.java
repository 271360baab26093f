package dev.lowbit.budget;

import it.unimi.dsi.fastutil.ints.IntArrays;
import java.util.Arrays;

/**
 * The linear relaxation of the multiple-choice program, solved exactly by taking the convex hulls' steps in the order of cost
 * saved per unit of size until one does not fit: that step's slope is the optimal Lagrange multiplier.
 *
 * @param base for each matrix the position on its frontier before the step that does not fit; a minimiser of
 *     cost + multiplier * size, and a feasible choice
 * @param greedy the same, continued with every later step that still fits
 * @param slack budget minus the size of {@code base}, never negative
 * @param multipliers slopes around the break, the optimal one first; empty when every step fits, which makes {@code base} the
 *     optimum
 */
record Relaxation(int[] base, int[] greedy, long slack, double[] multipliers) {
    /** Distance, in steps, of the farthest neighbour multiplier is 2^FARTHEST. */
    private static final int FARTHEST = 11;

    /**
     * @param frontiers one per matrix, none empty
     * @param slackAtSmallest budget minus the sum of the smallest sizes, never negative
     */
    static Relaxation solve(Frontier[] frontiers, long slackAtSmallest) {
        Steps steps = Steps.of(frontiers);
        int[] position = new int[frontiers.length];
        boolean[] blocked = new boolean[frontiers.length];
        long slack = slackAtSmallest;
        long baseSlack = 0;
        int[] base = null;
        int breakRank = -1;
        for (int rank = 0; rank < steps.order.length; rank++) {
            int step = steps.order[rank];
            int i = steps.matrix[step];
            Frontier f = frontiers[i];
            int next = f.hull()[steps.vertex[step] + 1];
            long growth = f.size()[next] - f.size()[position[i]];
            if (!blocked[i] && growth <= slack) {
                slack -= growth;
                position[i] = next;
                continue;
            }
            blocked[i] = true;
            if (base == null) {
                base = position.clone();
                baseSlack = slack;
                breakRank = rank;
            }
        }
        return base == null
                ? new Relaxation(position, position, slack, new double[0])
                : new Relaxation(base, position, baseSlack, steps.around(breakRank));
    }

    /** All hull steps of all matrices, and their order by slope (then matrix, then vertex). */
    private record Steps(int[] matrix, int[] vertex, double[] slope, int[] order) {
        static Steps of(Frontier[] frontiers) {
            int count = 0;
            for (Frontier f : frontiers) {
                count = Math.addExact(count, f.hull().length - 1);
            }
            int[] matrix = new int[count];
            int[] vertex = new int[count];
            double[] slope = new double[count];
            int[] order = new int[count];
            int step = 0;
            for (int i = 0; i < frontiers.length; i++) {
                for (int v = 0; v + 1 < frontiers[i].hull().length; v++, step++) {
                    matrix[step] = i;
                    vertex[step] = v;
                    slope[step] = frontiers[i].slope(v);
                    order[step] = step;
                }
            }
            // Steps are numbered by matrix and vertex, and the sort is stable.
            IntArrays.mergeSort(order, (a, b) -> Double.compare(slope[b], slope[a]));
            return new Steps(matrix, vertex, slope, order);
        }

        double[] around(int rank) {
            double[] found = new double[2 * (FARTHEST + 1) + 1];
            int count = 0;
            found[count++] = slope[order[rank]];
            for (int power = 0; power <= FARTHEST; power++) {
                for (int sign = -1; sign <= 1; sign += 2) {
                    int other = rank + sign * (1 << power);
                    if (other >= 0 && other < order.length) {
                        found[count++] = slope[order[other]];
                    }
                }
            }
            return Arrays.copyOf(found, count);
        }
    }
}
