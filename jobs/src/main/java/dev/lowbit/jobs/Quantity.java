package dev.lowbit.jobs;

import java.util.Locale;

/** Numbers as people read them; the same text in every locale. */
public final class Quantity {
    private static final String[] BINARY = {"B", "KiB", "MiB", "GiB", "TiB"};
    private static final String[] DECIMAL = {"", "k", "M", "G", "T"};

    private Quantity() {}

    /** Bytes with a binary unit, for example {@code 1.50 GiB}; exact below 1 KiB. */
    public static String bytes(long bytes) {
        return scaled(bytes, 1024, BINARY, " ");
    }

    /** A count with a decimal unit, for example {@code 7.00M}; exact below 1000. */
    public static String count(long count) {
        return scaled(count, 1000, DECIMAL, "");
    }

    /** Seconds as {@code 1.5 s}, {@code 2 min 05 s} or {@code 3 h 07 min}; {@code unknown} when not a number. */
    public static String duration(double seconds) {
        if (!Double.isFinite(seconds)) {
            return "unknown";
        }
        if (seconds < 60) {
            return String.format(Locale.ROOT, "%.1f s", seconds);
        }
        long whole = Math.round(seconds);
        return whole < 3600
                ? String.format(Locale.ROOT, "%d min %02d s", whole / 60, whole % 60)
                : String.format(Locale.ROOT, "%d h %02d min", whole / 3600, whole % 3600 / 60);
    }

    private static String scaled(long amount, int step, String[] units, String space) {
        if (amount < step) {
            return amount + space + units[0];
        }
        double value = amount;
        int unit = 0;
        // 999.995 would print as 1000.00 of the smaller unit
        while (value >= step - 0.005 && unit < units.length - 1) {
            value /= step;
            unit++;
        }
        return String.format(Locale.ROOT, "%.2f%s%s", value, space, units[unit]);
    }
}
