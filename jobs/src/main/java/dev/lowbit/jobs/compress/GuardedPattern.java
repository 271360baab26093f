package dev.lowbit.jobs.compress;

import dev.lowbit.error.InvalidRequestException;
import java.util.regex.Pattern;

/**
 * A user's regular expression that cannot hang the job: the matcher reads the name through a counter, and an expression that
 * backtracks without end runs out of reads instead of time.
 */
final class GuardedPattern {
    /** A name has at most some hundred characters; an honest expression reads each a few times. */
    private static final int MAX_READS = 1_000_000;

    private final String option;
    private final Pattern pattern;

    /** @param option named in messages, for example {@code --skip} */
    GuardedPattern(String option, Pattern pattern) {
        this.option = option;
        this.pattern = pattern;
    }

    /** Whether the expression matches somewhere in {@code name}. */
    boolean finds(String name) {
        try {
            return pattern.matcher(new CountedReads(name, new int[] {MAX_READS}))
                    .find();
        } catch (OutOfReads | StackOverflowError e) {
            throw InvalidRequestException.usage(option + " " + pattern + ": matching it against " + name
                    + " takes too long; write it without nested repetitions");
        }
    }

    @Override
    public String toString() {
        return option + " " + pattern;
    }

    private static final class OutOfReads extends RuntimeException {
        private static final long serialVersionUID = 1L;

        OutOfReads() {
            super(null, null, false, false);
        }
    }

    private record CountedReads(CharSequence text, int[] left) implements CharSequence {
        @Override
        public char charAt(int index) {
            if (left[0]-- <= 0) {
                throw new OutOfReads();
            }
            return text.charAt(index);
        }

        @Override
        public int length() {
            return text.length();
        }

        @Override
        public CharSequence subSequence(int start, int end) {
            return new CountedReads(text.subSequence(start, end), left);
        }

        @Override
        public String toString() {
            return text.toString();
        }
    }
}
