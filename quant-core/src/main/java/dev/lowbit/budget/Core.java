package dev.lowbit.budget;

import it.unimi.dsi.fastutil.ints.IntArrays;
import java.util.Arrays;

/**
 * The matrices whose choice is still open, each with the choices that a better allocation could still make. Sizes and costs
 * are differences to the relaxation's base; costs are whole numbers of 2^-exponent, so sums of them are exact.
 *
 * @param slack size left beside the base
 * @param matrix index of each open matrix, in the order of the search
 * @param position for each open matrix the frontier position of each open choice
 * @param size for each open matrix the size of each open choice minus that of the base
 * @param cost for each open matrix the cost of each open choice minus that of the base, in grid units
 * @param exponent one cost unit is 2^-exponent
 * @param rounding grid units by which the sum of costs of an allocation can be off at most
 */
record Core(long slack, int[] matrix, int[][] position, long[][] size, long[][] cost, int exponent, double rounding) {
    /** Sums of costs stay below 2^GRID_BITS in magnitude. */
    private static final int GRID_BITS = 60;
    /** Relative error of cost + multiplier * size and of what is summed over few of them, with room. */
    private static final double EPS = 0x1p-48;

    /**
     * Fixes by reduced cost: a choice stays open if an allocation that makes it could, by the optimal multiplier's bound, still
     * be at least as good as the greedy one.
     */
    static Core open(Frontier[] frontiers, Relaxation relaxation) {
        double lambda = relaxation.multipliers()[0];
        double margin = 0;
        double gap = lambda * relaxation.slack();
        for (int i = 0; i < frontiers.length; i++) {
            Frontier f = frontiers[i];
            int base = relaxation.base()[i];
            double greedy = f.cost()[relaxation.greedy()[i]] - f.cost()[base];
            gap += greedy;
            margin += EPS * Math.abs(greedy);
        }
        // Rounding can hide that a choice beats the base at this multiplier; the total of what may be hidden widens the
        // gap.
        gap = Math.max(gap, 0) + (frontiers.length + 8) * 0x1p-52 * (gap + lambda * relaxation.slack());
        for (int i = 0; i < frontiers.length; i++) {
            double hidden = 0;
            for (int c = 0; c < frontiers[i].length(); c++) {
                double doubt = EPS * magnitude(frontiers[i], relaxation.base()[i], c, lambda);
                double reduced = reduced(frontiers[i], relaxation.base()[i], c, lambda);
                if (reduced <= doubt) {
                    hidden = Math.max(hidden, doubt - Math.min(reduced, 0));
                }
            }
            margin += hidden;
        }
        return onGrid(frontiers, relaxation, lambda, gap + margin);
    }

    private static double reduced(Frontier f, int base, int c, double lambda) {
        return (f.cost()[c] - f.cost()[base]) + lambda * (f.size()[c] - f.size()[base]);
    }

    private static double magnitude(Frontier f, int base, int c, double lambda) {
        return Math.abs(f.cost()[c] - f.cost()[base]) + lambda * Math.abs(f.size()[c] - f.size()[base]);
    }

    private static Core onGrid(Frontier[] frontiers, Relaxation relaxation, double lambda, double gap) {
        int[] matrix = new int[frontiers.length];
        int[][] position = new int[frontiers.length][];
        int open = 0;
        double largest = 0;
        for (int i = 0; i < frontiers.length; i++) {
            Frontier f = frontiers[i];
            int base = relaxation.base()[i];
            int[] kept = new int[f.length()];
            int count = 0;
            double largestHere = 0;
            for (int c = 0; c < f.length(); c++) {
                if (reduced(f, base, c, lambda) - EPS * magnitude(f, base, c, lambda) <= gap) {
                    kept[count++] = c;
                    largestHere = Math.max(largestHere, Math.abs(f.cost()[c] - f.cost()[base]));
                }
            }
            if (count > 1) {
                matrix[open] = i;
                position[open++] = Arrays.copyOf(kept, count);
                largest += largestHere;
            }
        }
        int exponent = GRID_BITS - 1 - Math.getExponent(Math.max(largest, Double.MIN_NORMAL));
        long[][] size = new long[open][];
        long[][] cost = new long[open][];
        double rounding = 0;
        for (int k = 0; k < open; k++) {
            Frontier f = frontiers[matrix[k]];
            int base = relaxation.base()[matrix[k]];
            size[k] = new long[position[k].length];
            cost[k] = new long[position[k].length];
            double worst = 0;
            for (int c = 0; c < position[k].length; c++) {
                size[k][c] = f.size()[position[k][c]] - f.size()[base];
                cost[k][c] = gridCost(f, base, position[k][c], exponent);
                worst = Math.max(worst, gridError(f, base, position[k][c], exponent));
            }
            rounding += worst;
        }
        return new Core(
                relaxation.slack(),
                Arrays.copyOf(matrix, open),
                Arrays.copyOf(position, open),
                size,
                cost,
                exponent,
                rounding);
    }

    /** cost[c] - cost[base] on the grid; the difference is taken in two doubles, hence exactly. */
    static long gridCost(Frontier f, int base, int c, int exponent) {
        double high = f.cost()[c] - f.cost()[base];
        double low = lost(f.cost()[c], f.cost()[base], high);
        return (long) Math.rint(Math.scalb(high, exponent)) + (long) Math.rint(Math.scalb(low, exponent));
    }

    private static double gridError(Frontier f, int base, int c, int exponent) {
        double high = f.cost()[c] - f.cost()[base];
        double scaled = Math.scalb(high, exponent);
        double scaledLow = Math.scalb(lost(f.cost()[c], f.cost()[base], high), exponent);
        return Math.abs(scaled - Math.rint(scaled)) + Math.abs(scaledLow - Math.rint(scaledLow));
    }

    /** (a - b) - difference, exactly, for difference = a - b rounded (Knuth). */
    private static double lost(double a, double b, double difference) {
        double minusB = difference - a;
        return (a - (difference - minusB)) - (b + minusB);
    }

    int matrices() {
        return matrix.length;
    }

    int choices() {
        return Arrays.stream(position).mapToInt(p -> p.length).sum();
    }

    /**
     * Drops every choice with which no allocation can reach {@code best}, by the bounds of all multipliers, and puts matrices
     * whose alternatives cost most first, because they branch least.
     *
     * @return the smaller core, or null when some matrix has no choice left: then nothing better exists
     */
    Core restrict(LagrangeBounds bounds, long best) {
        int[] kept = new int[matrices()];
        int[][] choices = new int[matrices()][];
        double[] cheapest = new double[matrices()];
        for (int k = 0; k < matrices(); k++) {
            int[] open = new int[size[k].length];
            int count = 0;
            cheapest[k] = Double.POSITIVE_INFINITY;
            for (int c = 0; c < size[k].length; c++) {
                if (bounds.withChoice(k, c) <= best) {
                    open[count++] = c;
                    double reduced = bounds.reduced(k, c);
                    cheapest[k] = size[k][c] == 0 ? cheapest[k] : Math.min(cheapest[k], reduced);
                }
            }
            if (count == 0) {
                return null;
            }
            choices[k] = Arrays.copyOf(open, count);
            kept[k] = k;
        }
        IntArrays.mergeSort(kept, (a, b) -> Double.compare(cheapest[b], cheapest[a]));
        int[] stillOpen = Arrays.stream(kept)
                .filter(k -> choices[k].length > 1 || size[k][choices[k][0]] != 0)
                .toArray();
        return new Core(
                slack,
                Arrays.stream(stillOpen).map(k -> matrix[k]).toArray(),
                Arrays.stream(stillOpen)
                        .mapToObj(k -> pick(position[k], choices[k]))
                        .toArray(int[][]::new),
                Arrays.stream(stillOpen)
                        .mapToObj(k -> pick(size[k], choices[k]))
                        .toArray(long[][]::new),
                Arrays.stream(stillOpen)
                        .mapToObj(k -> pick(cost[k], choices[k]))
                        .toArray(long[][]::new),
                exponent,
                rounding);
    }

    private static int[] pick(int[] values, int[] which) {
        return Arrays.stream(which).map(c -> values[c]).toArray();
    }

    private static long[] pick(long[] values, int[] which) {
        return Arrays.stream(which).mapToLong(c -> values[c]).toArray();
    }
}
