package dev.lowbit.matrix.lookup;

import dev.lowbit.kernel.KernelLookup;

/**
 * Products of codes that are integers with inputs of 8 bits, in 16 bits: for grids of 2 to 4 bits on machines whose registers of more than 128 bits multiply numbers of
 * 16 bits but look up bytes only in 128.
 *
 * <p>An index value is a word of codes of b = 4 or 2 bits, w = q0 + 2^b q1 + 2^2b q2 ... With q1 = (w >> b) - 2^b (w >> 2b) and so on no code is ever cut out:
 *
 * <pre>
 *   q0 x0 + q1 x1 + q2 x2 + ... = w x0 + (w >> b) (x1 - 2^b x0) + (w >> 2b) (x2 - 2^b x1) + ...
 * </pre>
 *
 * <p>modulo 2^16, which does no harm where the sum of a domain fits: that of codes less their middle m, times inputs from -127 to 127, is at most 127 m for a column. So
 * sums begin at {@link #MIDDLE} - m Σ x and are numbers without sign.
 */
interface IntegerKernels extends DomainKernels {
    /** What inputs are rounded to at most. */
    int MOST = 127;

    /** What a sum of 0 is written as. */
    int MIDDLE = 1 << 15;

    /** Bits that a code of 2 to 4 takes in a word: b. */
    static int wordBits(int codeBits) {
        return codeBits == 2 ? 2 : 4;
    }

    /** Columns of a word. */
    static int span(int wordBits) {
        return Short.SIZE / wordBits;
    }

    /** Columns whose sum fits for codes of 0 to 2 m - 1. */
    static int columns(int m) {
        return 256 / m;
    }

    /** Bytes of what a word is multiplied by. */
    int table();

    /** Bytes before the tables. */
    int head();

    /**
     * What sums begin at and what the words of a domain are multiplied by: {@link #head} bytes, then {@link #table} for each word.
     *
     * @param x a column after the other for each word from {@code xFrom} on, zeros where there are none; not modified
     * @param perUnit units in one of the inputs' unit; none of the products exceeds {@link #MOST} by more than rounding
     * @param middle m
     * @param tables modified (overwritten)
     */
    void tables(float[] x, int xFrom, int words, float perUnit, int middle, byte[] tables);

    /** An input in units, to the nearest. */
    static int rounded(float x, float perUnit) {
        // what is cut off is never below zero
        return (int) (x * perUnit + (MOST + 0.5f)) - MOST;
    }

    /** The kernels of this process for words of codes of so many bits. */
    static IntegerKernels of(int wordBits) {
        return KernelLookup.choose(() -> new ScalarIntegerKernels(wordBits), () -> new VectorIntegerKernels(wordBits));
    }
}
