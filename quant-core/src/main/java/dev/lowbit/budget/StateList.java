package dev.lowbit.budget;

import java.util.Arrays;

/**
 * Partial allocations in ascending size and strictly descending cost: none is dominated by another. Arrays, because there are
 * hundreds of thousands.
 */
final class StateList {
    long[] size = new long[64];
    long[] cost = new long[64];
    double[] bound = new double[64];
    /** The node this state extends, and the choice by which it does. */
    int[] node = new int[64];

    int[] choice = new int[64];
    int count;

    void clear() {
        count = 0;
    }

    void add(long newSize, long newCost, double newBound, int newNode, int newChoice) {
        if (count == size.length) {
            int capacity = count * 2;
            size = Arrays.copyOf(size, capacity);
            cost = Arrays.copyOf(cost, capacity);
            bound = Arrays.copyOf(bound, capacity);
            node = Arrays.copyOf(node, capacity);
            choice = Arrays.copyOf(choice, capacity);
        }
        size[count] = newSize;
        cost[count] = newCost;
        bound[count] = newBound;
        node[count] = newNode;
        choice[count++] = newChoice;
    }

    private void addFrom(StateList other, int i) {
        add(other.size[i], other.cost[i], other.bound[i], other.node[i], other.choice[i]);
    }

    /** Makes this list the non-dominated states of {@code a} and {@code b} (both not modified); of equal states a's stays. */
    void merge(StateList a, StateList b) {
        clear();
        int i = 0;
        int j = 0;
        long lowest = Long.MAX_VALUE;
        while (i < a.count || j < b.count) {
            boolean fromA = j == b.count
                    || i < a.count && (a.size[i] < b.size[j] || a.size[i] == b.size[j] && a.cost[i] <= b.cost[j]);
            StateList from = fromA ? a : b;
            int at = fromA ? i++ : j++;
            if (from.cost[at] < lowest) {
                lowest = from.cost[at];
                addFrom(from, at);
            }
        }
    }

    /**
     * Keeps the {@code limit} states of lowest bound, in their order; of those with the bound at the edge an even spread over
     * the sizes, because when bounds do not tell states apart only variety finds the sum that fits.
     *
     * @return the lowest bound of those that left
     */
    double truncate(int limit) {
        double threshold = select(Arrays.copyOf(bound, count), limit);
        int below = 0;
        int tied = 0;
        for (int i = 0; i < count; i++) {
            below += bound[i] < threshold ? 1 : 0;
            tied += bound[i] == threshold ? 1 : 0;
        }
        long places = limit - below;
        long seen = 0;
        double lowestLeft = Double.POSITIVE_INFINITY;
        int kept = 0;
        for (int i = 0; i < count; i++) {
            boolean stays = bound[i] < threshold;
            if (bound[i] == threshold) {
                stays = (seen + 1) * places / tied > seen * places / tied;
                seen++;
            }
            if (stays) {
                size[kept] = size[i];
                cost[kept] = cost[i];
                bound[kept] = bound[i];
                node[kept] = node[i];
                choice[kept++] = choice[i];
            } else {
                lowestLeft = Math.min(lowestLeft, bound[i]);
            }
        }
        count = kept;
        return lowestLeft;
    }

    /** The value that would stand at {@code rank} after sorting (quickselect; modifies {@code values}). */
    private static double select(double[] values, int rank) {
        int low = 0;
        int high = values.length - 1;
        while (low < high) {
            double a = values[low];
            double b = values[(low + high) >>> 1];
            double c = values[high];
            double pivot = Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
            int i = low;
            int j = high;
            while (i <= j) {
                while (values[i] < pivot) {
                    i++;
                }
                while (values[j] > pivot) {
                    j--;
                }
                if (i <= j) {
                    double swap = values[i];
                    values[i++] = values[j];
                    values[j--] = swap;
                }
            }
            if (rank <= j) {
                high = j;
            } else if (rank >= i) {
                low = i;
            } else {
                break;
            }
        }
        return values[rank];
    }
}
