package dev.lowbit.checkpoint;

import java.util.List;

/** Text from a file made safe to print: control characters escaped, long text cut, so that a message stays one line. */
public final class OneLine {
    private static final int MAX_QUOTED = 80;
    private static final int MAX_LISTED = 20;

    private OneLine() {}

    /** {@code text} with control characters and lone surrogates as \\uXXXX. */
    public static String of(String text) {
        StringBuilder line = new StringBuilder(text.length());
        text.codePoints().forEach(c -> {
            boolean unprintable = Character.isISOControl(c)
                    || c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE
                    || Character.getType(c) == Character.FORMAT
                    || c == 0x2028
                    || c == 0x2029;
            if (unprintable) {
                line.append("\\u").append(hex(c));
            } else {
                line.appendCodePoint(c);
            }
        });
        return line.toString();
    }

    /** {@code text} in quotes, at most 80 characters of it. */
    static String quote(String text) {
        String shown = text.length() <= MAX_QUOTED ? text : text.substring(0, MAX_QUOTED) + "...";
        return "\"" + of(shown) + "\"";
    }

    /** {@code names} with commas, at most 20 of them. */
    static String list(List<String> names) {
        int shown = Math.min(names.size(), MAX_LISTED);
        String text = of(String.join(", ", names.subList(0, shown)));
        return shown == names.size() ? text : text + " and " + (names.size() - shown) + " more";
    }

    private static String hex(int c) {
        String digits = Integer.toHexString(c);
        return "0".repeat(Math.max(0, 4 - digits.length())) + digits;
    }
}
