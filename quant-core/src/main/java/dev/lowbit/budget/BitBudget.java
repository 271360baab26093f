package dev.lowbit.budget;

import dev.lowbit.error.InvalidRequestException;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How many bytes the compressed matrices may take, everything counted.
 *
 * @param bytes the most bytes allowed, never negative
 */
public record BitBudget(long bytes) {
    private static final Pattern SIZE = Pattern.compile("\\s*([0-9]{1,19}(?:\\.[0-9]{1,18})?)\\s*([A-Za-z]*)\\s*");

    private static final Map<String, Long> UNITS = Map.ofEntries(
            Map.entry("", 1L),
            Map.entry("b", 1L),
            Map.entry("kb", 1_000L),
            Map.entry("mb", 1_000_000L),
            Map.entry("gb", 1_000_000_000L),
            Map.entry("tb", 1_000_000_000_000L),
            Map.entry("kib", 1L << 10),
            Map.entry("mib", 1L << 20),
            Map.entry("gib", 1L << 30),
            Map.entry("tib", 1L << 40));

    public BitBudget {
        if (bytes < 0) {
            throw new IllegalArgumentException("a budget needs a non-negative number of bytes, got " + bytes);
        }
    }

    /**
     * The largest whole number of bytes that is at most {@code bits} per weight: floor(bits * weights / 8), computed exactly
     * on the decimal value of {@code bits} (2.1 means 2.1, not the double below it).
     *
     * @throws InvalidRequestException when {@code bits} is not a positive finite number
     */
    public static BitBudget ofBitsPerWeight(double bits, long weights) {
        if (!(bits > 0) || Double.isInfinite(bits)) {
            throw InvalidRequestException.usage(
                    "got " + bits + " bits per weight; a budget is a positive number such as 2.75");
        }
        if (weights < 0) {
            throw new IllegalArgumentException("got " + weights + " weights");
        }
        BigDecimal bytes = BigDecimal.valueOf(bits)
                .multiply(BigDecimal.valueOf(weights))
                .divide(BigDecimal.valueOf(8), 0, RoundingMode.FLOOR);
        return of(bytes, bits + " bits for each of " + weights + " weights");
    }

    /**
     * Reads a size: digits, an optional decimal fraction and an optional unit in any case ({@code kB, MB, GB, TB} are powers
     * of 1000; {@code KiB, MiB, GiB, TiB} powers of 1024; none is bytes); a fraction of a byte is dropped.
     *
     * @throws InvalidRequestException when {@code text} is none
     */
    public static BitBudget parseSize(String text) {
        Matcher matcher = SIZE.matcher(text);
        Long unit = matcher.matches() ? UNITS.get(matcher.group(2).toLowerCase(Locale.ROOT)) : null;
        if (unit == null) {
            throw InvalidRequestException.usage(
                    "\"" + text + "\" is not a size; write for example 3.2GiB, 500MB or 12345");
        }
        BigDecimal bytes = new BigDecimal(matcher.group(1)).multiply(BigDecimal.valueOf(unit));
        return of(bytes.setScale(0, RoundingMode.FLOOR), text);
    }

    private static BitBudget of(BigDecimal wholeBytes, String given) {
        if (wholeBytes.compareTo(BigDecimal.valueOf(Long.MAX_VALUE)) > 0) {
            throw InvalidRequestException.usage(given + " is more than 2^63 - 1 bytes; give a smaller size");
        }
        return new BitBudget(wholeBytes.longValueExact());
    }
}
