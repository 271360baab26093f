package dev.lowbit.compeft;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;

/**
 * Mean and sample deviation (divisor d - 1) of all entries, in double.
 *
 * @param deviation of a single entry its magnitude, for which the formula has no value; 0 of none
 */
record Moments(double mean, double deviation) {
    /** @throws InvalidRequestException (usage) for the first entry that is NaN or infinite, naming its tensor */
    static Moments of(FlatUpdate update, Workers workers) {
        long length = update.length();
        if (length == 0) {
            return new Moments(0, 0);
        }
        double sum = update.sum(workers, (values, count, at) -> {
            double part = 0;
            for (int i = 0; i < count; i++) {
                part += values[i];
            }
            return part;
        });
        // one value that is not finite makes the sum so; a sum can also be too large
        if (!Double.isFinite(sum)) {
            requireFinite(update);
        }
        double mean = sum / length;
        if (length == 1) {
            return new Moments(mean, Math.abs(mean));
        }
        double squares = update.sum(workers, (values, count, at) -> {
            double part = 0;
            for (int i = 0; i < count; i++) {
                part = Math.fma(values[i] - mean, values[i] - mean, part);
            }
            return part;
        });
        return new Moments(mean, Math.sqrt(squares / (length - 1)));
    }

    private static void requireFinite(FlatUpdate update) {
        update.scan(0, update.length(), (values, count, at) -> {
            for (int i = 0; i < count; i++) {
                if (!Double.isFinite(values[i])) {
                    int tensor = update.tensorOf(at + i);
                    throw InvalidRequestException.usage(
                            "tensor " + update.tensors().get(tensor).name() + " holds " + values[i] + " at entry "
                                    + (at + i - update.start(tensor))
                                    + "; updates must be finite: repair the checkpoint or leave this tensor out");
                }
            }
        });
    }
}
