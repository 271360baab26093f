package dev.lowbit.jobs.report;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * One axis of a plot: where values lie, and at which round values it is marked.
 *
 * @param low left or lower end, of a logarithmic axis its common logarithm
 * @param high the other end, above {@code low}
 * @param logarithmic whether equal ratios are equally long
 * @param from place of {@code low} in the image
 * @param to place of {@code high}
 */
record PlotAxis(double low, double high, boolean logarithmic, double from, double to) {
    private static final double MARGIN = 0.05;

    /** Least margins, so that values that are almost the same are drawn as that. */
    private static final double LINEAR_MARGIN = 0.25;

    private static final double LOGARITHMIC_MARGIN = 0.02;
    private static final int[] STEPS = {1, 2, 5};

    /** Enough to read values between them, few enough to stand beside one another. */
    private static final int MOST_TICKS = 12;

    private static final int FEWEST_TICKS = 3;

    private static final BigDecimal MILLION = BigDecimal.valueOf(1_000_000);

    /** An axis on which all values lie, with a margin; of no value from 0 to 1. */
    static PlotAxis linear(double[] values, double from, double to) {
        return values.length == 0
                ? new PlotAxis(0, 1, false, from, to)
                : around(values, LINEAR_MARGIN, false, from, to);
    }

    /** A logarithmic axis on which all values lie, with a margin; at least one, all positive. */
    static PlotAxis logarithmic(double[] values, double from, double to) {
        double[] logarithms = Arrays.stream(values).map(StrictMath::log10).toArray();
        return around(logarithms, LOGARITHMIC_MARGIN, true, from, to);
    }

    private static PlotAxis around(double[] values, double leastMargin, boolean logarithmic, double from, double to) {
        double least = Arrays.stream(values).min().orElseThrow();
        double most = Arrays.stream(values).max().orElseThrow();
        double margin = Math.max(MARGIN * (most - least), leastMargin);
        return new PlotAxis(least - margin, most + margin, logarithmic, from, to);
    }

    /** The place of a value in the image. */
    double place(double value) {
        double position = logarithmic ? StrictMath.log10(value) : value;
        return from + (to - from) * (position - low) / (high - low);
    }

    /** Round values between the ends, ascending. */
    List<BigDecimal> ticks() {
        if (!logarithmic) {
            return evenTicks(low, high);
        }
        List<BigDecimal> ticks = decadeTicks(STEPS);
        if (ticks.size() > MOST_TICKS) {
            ticks = decadeTicks(1);
        }
        return ticks.size() < FEWEST_TICKS ? evenTicks(StrictMath.pow(10, low), StrictMath.pow(10, high)) : ticks;
    }

    private List<BigDecimal> decadeTicks(int... steps) {
        List<BigDecimal> ticks = new ArrayList<>();
        for (int decade = (int) Math.floor(low); decade <= high; decade++) {
            for (int step : steps) {
                BigDecimal tick = BigDecimal.valueOf(step).scaleByPowerOfTen(decade);
                double position = StrictMath.log10(tick.doubleValue());
                if (position >= low && position <= high) {
                    ticks.add(tick);
                }
            }
        }
        return ticks;
    }

    private static List<BigDecimal> evenTicks(double least, double most) {
        BigDecimal step = step((most - least) / MOST_TICKS);
        List<BigDecimal> ticks = new ArrayList<>();
        for (long i = (long) Math.ceil(least / step.doubleValue()); i * step.doubleValue() <= most; i++) {
            ticks.add(step.multiply(BigDecimal.valueOf(i)));
        }
        return ticks;
    }

    /** The smallest of 1, 2 and 5 times a power of ten that is not below {@code least}. */
    private static BigDecimal step(double least) {
        int decade = (int) Math.floor(StrictMath.log10(least));
        for (int step : STEPS) {
            BigDecimal candidate = BigDecimal.valueOf(step).scaleByPowerOfTen(decade);
            if (candidate.doubleValue() >= least) {
                return candidate;
            }
        }
        return BigDecimal.ONE.scaleByPowerOfTen(decade + 1);
    }

    /** A tick as it stands beside the axis. */
    static String label(BigDecimal tick) {
        return tick.compareTo(MILLION) < 0
                ? tick.stripTrailingZeros().toPlainString()
                : String.format(Locale.ROOT, "%.0e", tick);
    }
}
