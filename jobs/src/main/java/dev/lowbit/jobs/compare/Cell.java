package dev.lowbit.jobs.compare;

import dev.lowbit.method.Compressor;
import java.math.BigDecimal;

/**
 * One place of a comparison: what a method makes of a model within a budget.
 *
 * @param bits the budget, in stored bits per weight
 * @param tuned whether the result is tuned end to end
 */
record Cell(Compressor method, double bits, boolean tuned) {
    /** Name of its folder, and of the file of its figures without the extension. */
    String name() {
        return method.name() + "-" + number(bits) + (tuned ? "-tuned" : "");
    }

    /** The same before tuning. */
    Cell untuned() {
        return new Cell(method, bits, false);
    }

    /** A budget as people write it: {@code 2}, {@code 2.3}. */
    static String number(double bits) {
        return BigDecimal.valueOf(bits).stripTrailingZeros().toPlainString();
    }
}
