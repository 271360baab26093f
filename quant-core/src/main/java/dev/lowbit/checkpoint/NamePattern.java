package dev.lowbit.checkpoint;

import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * A regular expression that came from outside, matched against tensor names with a limit on the work: one that backtracks
 * without end is refused after the same number of steps on every machine, instead of never returning.
 */
public final class NamePattern {
    /** Characters looked at for one name; ordinary patterns need a few per character of the name. */
    private static final int MAX_STEPS = 1_000_000;

    private final Pattern pattern;

    private NamePattern(Pattern pattern) {
        this.pattern = pattern;
    }

    /** A name on which a pattern needs more steps than are allowed. */
    public static final class TooExpensiveException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        private TooExpensiveException(String message) {
            super(message);
        }
    }

    /**
     * Compiles {@code regex}.
     *
     * @throws IllegalArgumentException with a one-line message when it is no regular expression
     */
    public static NamePattern of(String regex) {
        try {
            return new NamePattern(Pattern.compile(regex));
        } catch (PatternSyntaxException e) {
            throw new IllegalArgumentException(
                    "not a regular expression: " + OneLine.quote(regex) + ": " + e.getDescription(), e);
        } catch (StackOverflowError e) {
            throw new IllegalArgumentException("the regular expression nests too deep: " + OneLine.quote(regex), e);
        }
    }

    /** Guards an expression that is compiled already. */
    public static NamePattern of(Pattern pattern) {
        return new NamePattern(pattern);
    }

    /** Whether the pattern matches all of {@code name}. */
    public boolean matches(String name) {
        return limited(name, true);
    }

    /** Whether the pattern matches some part of {@code name}. */
    public boolean find(String name) {
        return limited(name, false);
    }

    private boolean limited(String name, boolean whole) {
        try {
            var matcher = pattern.matcher(new Counted(name, this));
            return whole ? matcher.matches() : matcher.find();
        } catch (StackOverflowError e) {
            throw tooExpensive(name);
        }
    }

    private TooExpensiveException tooExpensive(String name) {
        return new TooExpensiveException("the regular expression " + OneLine.quote(pattern.pattern())
                + " takes too long on " + OneLine.quote(name) + "; write it without nested repetitions");
    }

    @Override
    public String toString() {
        return pattern.pattern();
    }

    /** A name that counts how often it is looked at. */
    private static final class Counted implements CharSequence {
        private final String name;
        private final NamePattern owner;
        private int steps;

        Counted(String name, NamePattern owner) {
            this.name = name;
            this.owner = owner;
        }

        @Override
        public char charAt(int index) {
            if (++steps > MAX_STEPS) {
                throw owner.tooExpensive(name);
            }
            return name.charAt(index);
        }

        @Override
        public int length() {
            return name.length();
        }

        @Override
        public CharSequence subSequence(int from, int to) {
            return name.subSequence(from, to);
        }

        @Override
        public String toString() {
            return name;
        }
    }
}
