package dev.lowbit.compeft;

/** A ternary vector that is being made, all zeros at first. Threads may set entries of different words of 64. */
final class TernaryBuilder {
    private final long length;
    private final long[] plus;
    private final long[] minus;

    TernaryBuilder(long length) {
        int words = TernaryVector.words(length);
        this.length = length;
        plus = new long[words];
        minus = new long[words];
    }

    /** Makes an entry that is 0 until now 1, or -1 if {@code negative}. */
    void set(long index, boolean negative) {
        (negative ? minus : plus)[(int) (index >>> 6)] |= 1L << index;
    }

    /** Sets entries 64 {@code word} to 64 {@code word} + 63 by bits, the lowest bit first. */
    void setWord(long word, long plusBits, long minusBits) {
        plus[(int) word] = plusBits;
        minus[(int) word] = minusBits;
    }

    /** The vector; this builder is not used any more. */
    TernaryVector build() {
        return new TernaryVector(length, plus, minus);
    }
}
