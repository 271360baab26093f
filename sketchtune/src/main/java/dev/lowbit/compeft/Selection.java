package dev.lowbit.compeft;

import dev.lowbit.kernel.Workers;
import java.util.Arrays;

/**
 * The signs of the entries of largest magnitude.
 *
 * @param signs γ
 * @param magnitude the sum of |τ[i]| over the kept
 */
record Selection(TernaryVector signs, double magnitude) {
    /** @param update finite; not modified */
    static Selection of(FlatUpdate update, ComPeftSettings settings, Workers workers) {
        TernaryBuilder signs = new TernaryBuilder(update.length());
        long kept = settings.kept(update.length());
        if (kept == 0) {
            return new Selection(signs.build(), 0);
        }
        MagnitudeThreshold threshold = MagnitudeThreshold.ofLargest(update, kept, workers);
        long[] quotas = quotas(update, threshold, kept, settings.selection(), workers);
        double magnitude =
                update.sum(workers, (values, count, at) -> mark(values, count, at, threshold.pattern(), quotas, signs));
        return new Selection(signs.build(), magnitude);
    }

    /** How many ties at the threshold each task keeps. */
    private static long[] quotas(
            FlatUpdate update, MagnitudeThreshold threshold, long kept, SelectionRule rule, Workers workers) {
        long[] quotas = new long[update.tasks()];
        long left = rule == SelectionRule.ORIGINAL ? threshold.ties() : kept - threshold.above();
        if (left == threshold.ties()) {
            Arrays.fill(quotas, left);
            return quotas;
        }
        update.sum(workers, (values, count, at) -> {
            int ties = 0;
            for (int i = 0; i < count; i++) {
                ties += MagnitudeThreshold.pattern(values[i]) == threshold.pattern() ? 1 : 0;
            }
            quotas[(int) (at / FlatUpdate.TASK)] += ties;
            return ties;
        });
        for (int task = 0; task < quotas.length; task++) {
            quotas[task] = Math.min(quotas[task], left);
            left -= quotas[task];
        }
        return quotas;
    }

    /** Marks what is kept of some entries of one task, whose quota it uses up, and returns the sum of their magnitudes. */
    private static double mark(
            double[] values, int count, long at, long threshold, long[] quotas, TernaryBuilder signs) {
        int task = (int) (at / FlatUpdate.TASK);
        double magnitude = 0;
        for (int i = 0; i < count; i++) {
            long pattern = MagnitudeThreshold.pattern(values[i]);
            if (pattern < threshold || pattern == threshold && quotas[task]-- <= 0 || pattern == 0) {
                continue;
            }
            signs.set(at + i, values[i] < 0);
            magnitude += Math.abs(values[i]);
        }
        return magnitude;
    }
}
