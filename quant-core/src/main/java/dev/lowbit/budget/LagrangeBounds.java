package dev.lowbit.budget;

/**
 * Lower bounds on what the rest of a core can still cost, by Lagrangian relaxation of the budget with several multipliers: for
 * every multiplier m &gt;= 0, any feasible completion of a partial allocation (size s, cost c, open matrices k, k+1, ...) costs at
 * least
 *
 * <pre>
 * c + m (s - slack) + sum over j &gt;= k of min over choices (cost + m size).
 * </pre>
 *
 * <p>All in the core's grid units. Every returned bound is already lowered by more than its rounding error: (n + 8) 2^-52 times
 * the largest possible magnitude of its terms.
 */
final class LagrangeBounds {
    private final Core core;
    private final double[] multipliers;
    /** [multiplier][k]: the sum over j &gt;= k, minus the error margin. */
    private final double[][] rest;
    /** [k]: the smallest size that the matrices k, k+1, ... can add. */
    private final long[] smallest;

    /** @param multipliers cost per size in cost units (not grid units), the optimal one first */
    LagrangeBounds(Core core, double[] multipliers) {
        this.core = core;
        int n = core.matrices();
        this.multipliers = new double[multipliers.length];
        this.rest = new double[multipliers.length][n + 1];
        this.smallest = new long[n + 1];
        for (int k = n - 1; k >= 0; k--) {
            long least = Long.MAX_VALUE;
            for (long size : core.size()[k]) {
                least = Math.min(least, size);
            }
            smallest[k] = smallest[k + 1] + least;
        }
        for (int m = 0; m < multipliers.length; m++) {
            this.multipliers[m] = Math.scalb(multipliers[m], core.exponent());
            fill(this.multipliers[m], rest[m]);
        }
    }

    private void fill(double multiplier, double[] sums) {
        int n = core.matrices();
        double magnitude = multiplier * core.slack();
        for (int k = n - 1; k >= 0; k--) {
            double least = Double.POSITIVE_INFINITY;
            double largest = 0;
            for (int c = 0; c < core.size()[k].length; c++) {
                least = Math.min(least, core.cost()[k][c] + multiplier * core.size()[k][c]);
                largest = Math.max(largest, Math.abs(core.cost()[k][c]) + multiplier * Math.abs(core.size()[k][c]));
            }
            sums[k] = sums[k + 1] + least;
            magnitude += largest;
        }
        double margin = (n + 8) * 0x1p-52 * magnitude;
        for (int k = 0; k <= n; k++) {
            sums[k] -= margin;
        }
    }

    /** Whether a partial allocation of this size can still be completed within the budget by the matrices from k on. */
    boolean feasible(long size, int k) {
        return size + smallest[k] <= core.slack();
    }

    /** The best bound of a partial allocation that has decided the matrices before k; stops early once above {@code enough}. */
    double completion(long size, long cost, int k, double enough) {
        double best = Double.NEGATIVE_INFINITY;
        double excess = size - core.slack();
        for (int m = 0; m < multipliers.length && best <= enough; m++) {
            best = Math.max(best, cost + multipliers[m] * excess + rest[m][k]);
        }
        return best;
    }

    /** The bound of every allocation that makes choice c for matrix k. */
    double withChoice(int k, int c) {
        double best = Double.NEGATIVE_INFINITY;
        for (int m = 0; m < multipliers.length; m++) {
            double least = rest[m][k] - rest[m][k + 1];
            double own = core.cost()[k][c] + multipliers[m] * core.size()[k][c];
            best = Math.max(best, rest[m][0] - least + own - multipliers[m] * core.slack() - slip(m));
        }
        return best;
    }

    /** Differences of suffix sums carry their rounding once more. */
    private double slip(int m) {
        return 0x1p-50 * Math.abs(rest[m][0]);
    }

    /** Cost plus size at the optimal multiplier of choice c of matrix k, relative to the base. */
    double reduced(int k, int c) {
        return core.cost()[k][c] + multipliers[0] * core.size()[k][c];
    }
}
