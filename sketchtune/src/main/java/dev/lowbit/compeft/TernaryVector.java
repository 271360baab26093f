package dev.lowbit.compeft;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.tensor.Shape;
import java.util.Arrays;

/**
 * A vector γ of -1, 0 and 1 as two masks: bit i of P where γ[i] = 1, of N where γ[i] = -1; no bit is in both. Immutable. Indices are 64-bit.
 */
public final class TernaryVector {
    private static final long MAX_LENGTH = (long) Long.SIZE * Shape.LARGEST_ARRAY;

    private final long length;
    private final long[] plus;
    private final long[] minus;
    private final long nonZeros;

    /** Takes the masks over: bit i % 64 of word i / 64 is entry i, bits beyond the length are 0. */
    TernaryVector(long length, long[] plus, long[] minus) {
        this.length = length;
        this.plus = plus;
        this.minus = minus;
        long count = 0;
        for (int word = 0; word < plus.length; word++) {
            count += Long.bitCount(plus[word] | minus[word]);
        }
        nonZeros = count;
    }

    /**
     * A vector with the signs of {@code signs}, which is not modified.
     *
     * @param signs any numbers, of which only the sign counts
     */
    public static TernaryVector of(byte[] signs) {
        TernaryBuilder builder = new TernaryBuilder(signs.length);
        for (int i = 0; i < signs.length; i++) {
            if (signs[i] != 0) {
                builder.set(i, signs[i] < 0);
            }
        }
        return builder.build();
    }

    /**
     * Words of a mask.
     *
     * @throws InvalidRequestException (impossible) when no array is that long
     */
    static int words(long length) {
        if (length > MAX_LENGTH) {
            throw InvalidRequestException.impossible(length + " entries are more than " + MAX_LENGTH
                    + ", the most that share a scale; give every tensor its own");
        }
        return (int) Math.ceilDiv(length, Long.SIZE);
    }

    /** d. */
    public long length() {
        return length;
    }

    /** n, the entries that are not zero. */
    public long nonZeros() {
        return nonZeros;
    }

    /** -1, 0 or 1. */
    public int sign(long index) {
        if (index < 0 || index >= length) {
            throw new IndexOutOfBoundsException(index + " in a vector of " + length);
        }
        return (int) (plus[(int) (index >>> 6)] >>> index & 1) - (int) (minus[(int) (index >>> 6)] >>> index & 1);
    }

    /** Bits {@code from} to {@code from + count - 1} of P, the lowest first; at most 64, and inside the vector. */
    long plus(long from, int count) {
        return bits(plus, from, count);
    }

    /** The same of N. */
    long minus(long from, int count) {
        return bits(minus, from, count);
    }

    private static long bits(long[] mask, long from, int count) {
        if (count == 0) {
            return 0;
        }
        int word = (int) (from >>> 6);
        int shift = (int) from & 63;
        long bits = mask[word] >>> shift;
        if (shift + count > Long.SIZE) {
            bits |= mask[word + 1] << -shift;
        }
        return bits & -1L >>> -count;
    }

    /** The first index from {@code from} on that is not zero, or {@code to} when there is none before it. */
    long nextNonZero(long from, long to) {
        if (from >= to) {
            return to;
        }
        int word = (int) (from >>> 6);
        long bits = (plus[word] | minus[word]) & -1L << from;
        int last = (int) (to - 1 >>> 6);
        while (bits == 0 && word < last) {
            word++;
            bits = plus[word] | minus[word];
        }
        return bits == 0 ? to : Math.min(to, ((long) word << 6) + Long.numberOfTrailingZeros(bits));
    }

    /** Non-zeros among entries {@code from} to {@code to - 1}. */
    long nonZeros(long from, long to) {
        long count = 0;
        for (long at = from; at < to; at += Long.SIZE) {
            int part = (int) Math.min(Long.SIZE, to - at);
            count += Long.bitCount(plus(at, part) | minus(at, part));
        }
        return count;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof TernaryVector vector
                && vector.length == length
                && Arrays.equals(vector.plus, plus)
                && Arrays.equals(vector.minus, minus);
    }

    @Override
    public int hashCode() {
        return 31 * Arrays.hashCode(plus) + Arrays.hashCode(minus);
    }

    @Override
    public String toString() {
        return nonZeros + " of " + length;
    }
}
