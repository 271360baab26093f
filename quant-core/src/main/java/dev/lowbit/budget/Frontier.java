package dev.lowbit.budget;

import it.unimi.dsi.fastutil.ints.IntArrays;
import java.util.Arrays;

/**
 * The choices of one matrix that can be part of an optimum: no other is at most as large and at most as costly. Sizes ascend
 * strictly, costs descend strictly; of equal choices the lowest index stays.
 *
 * @param index position in the caller's list
 * @param size size of each choice
 * @param cost cost of each choice, finite
 * @param hull positions of the vertices of the lower convex hull, ascending; the slopes between them descend strictly
 */
record Frontier(int[] index, long[] size, double[] cost, int[] hull) {
    /** Builds the frontier of one matrix's choices; infinite costs mean unavailable. Empty when nothing is available. */
    static Frontier of(double[] cost, long[] size) {
        int[] order = new int[cost.length];
        int available = 0;
        for (int c = 0; c < cost.length; c++) {
            if (cost[c] != Double.POSITIVE_INFINITY) {
                order[available++] = c;
            }
        }
        IntArrays.mergeSort(order, 0, available, (a, b) -> {
            int bySize = Long.compare(size[a], size[b]);
            int byCost = bySize != 0 ? bySize : Double.compare(cost[a], cost[b]);
            return byCost != 0 ? byCost : Integer.compare(a, b);
        });
        int kept = 0;
        for (int k = 0; k < available; k++) {
            if (kept == 0 || cost[order[k]] < cost[order[kept - 1]]) {
                order[kept++] = order[k];
            }
        }
        int[] index = Arrays.copyOf(order, kept);
        long[] sizes = new long[kept];
        double[] costs = new double[kept];
        for (int k = 0; k < kept; k++) {
            sizes[k] = size[index[k]];
            costs[k] = cost[index[k]];
        }
        return new Frontier(index, sizes, costs, hull(sizes, costs));
    }

    private static int[] hull(long[] size, double[] cost) {
        int[] hull = new int[size.length];
        int top = 0;
        for (int k = 0; k < size.length; k++) {
            // Compared by the very slopes that the relaxation sorts by, so that their order is right even after
            // rounding.
            while (top >= 2 && slope(size, cost, hull[top - 1], k) >= slope(size, cost, hull[top - 2], hull[top - 1])) {
                top--;
            }
            hull[top++] = k;
        }
        return Arrays.copyOf(hull, top);
    }

    private static double slope(long[] size, double[] cost, int from, int to) {
        return (cost[from] - cost[to]) / (size[to] - size[from]);
    }

    /** Cost saved per unit of size on the way from hull vertex {@code step} to the next. */
    double slope(int step) {
        return slope(size, cost, hull[step], hull[step + 1]);
    }

    int length() {
        return index.length;
    }
}
