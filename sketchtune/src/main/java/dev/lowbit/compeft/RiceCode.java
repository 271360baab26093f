package dev.lowbit.compeft;

import dev.lowbit.matrix.MalformedPartException;

/**
 * Ternary vectors as Rice codes of their gaps: for every entry that is not zero, in order, gap = zeros since the last one (or the begin),
 *
 * <pre>
 *   gap >> b ones, a zero | the b low bits of the gap | 1 if the entry is negative
 * </pre>
 *
 * the most significant bit first, zeros up to the last whole byte. Trailing zeros of the vector are implied.
 */
public final class RiceCode {
    /** Largest parameter that keeps all arithmetic inside 64 bits. */
    public static final int MAX_PARAMETER = 62;

    private static final double GOLDEN_RATIO = (1 + Math.sqrt(5)) / 2;
    private static final String PART = "rice";

    private RiceCode() {}

    /** b* = max(0, 1 + floor(log2(ln(φ - 1) / ln(1 - p)))), the best for random positions; 0 without non-zeros. */
    public static int parameter(long length, long nonZeros) {
        if (nonZeros == 0) {
            return 0;
        }
        double ratio = StrictMath.log(GOLDEN_RATIO - 1) / StrictMath.log1p(-(double) nonZeros / length);
        return (int) Math.max(0, 1 + Math.floor(StrictMath.log(ratio) / StrictMath.log(2)));
    }

    /** Expected bits of a position: b + 1 / (1 - (1 - p)^(2^b)), for p above 0. */
    public static double expectedPositionBits(long length, long nonZeros, int parameter) {
        double miss = StrictMath.log1p(-(double) nonZeros / length) * StrictMath.scalb(1.0, parameter);
        return parameter - 1 / StrictMath.expm1(miss);
    }

    /** Bits of the codes of entries {@code from} to {@code to - 1}: the sum of (gap >> b) + 2 + b. */
    static long bits(TernaryVector vector, long from, long to, int parameter) {
        long bits = 0;
        long start = from;
        for (long i = vector.nextNonZero(from, to); i < to; i = vector.nextNonZero(start, to)) {
            bits += (i - start >>> parameter) + 2 + parameter;
            start = i + 1;
        }
        return bits;
    }

    /** Writes the codes of entries {@code from} to {@code to - 1}, the first gap counted from {@code from}. */
    static void encode(TernaryVector vector, long from, long to, int parameter, BitWriter target) {
        long low = (1L << parameter) - 1;
        long start = from;
        for (long i = vector.nextNonZero(from, to); i < to; i = vector.nextNonZero(start, to)) {
            long gap = i - start;
            target.ones(gap >>> parameter);
            target.bits((gap & low) << 1 | (vector.sign(i) < 0 ? 1 : 0), parameter + 2);
            start = i + 1;
        }
    }

    /**
     * The stream of a whole vector, without anything that is needed to read it: length, non-zeros and parameter.
     *
     * @param parameter b, from 0 to {@link #MAX_PARAMETER}
     * @throws ArithmeticException when the stream does not fit an array; {@link UpdateFile} has no such limit
     */
    public static byte[] encode(TernaryVector vector, int parameter) {
        long bits = bits(vector, 0, vector.length(), parameter);
        byte[] stream = new byte[Math.toIntExact(Math.ceilDiv(bits, Byte.SIZE))];
        encode(vector, 0, vector.length(), parameter, new BitWriter(stream));
        return stream;
    }

    /**
     * Reads one code.
     *
     * @param start the first entry that it can stand for
     * @param to the entry that it cannot reach
     * @param target modified: the entry is set
     * @return the entry
     * @throws MalformedPartException when it stands for an entry beyond the end
     */
    static long decodeOne(BitReader source, long start, long to, int parameter, TernaryBuilder target) {
        long most = to - start >>> parameter;
        long high = source.ones(most);
        long index = high > most ? to : start + (high << parameter) + source.bits(parameter);
        if (index >= to) {
            throw new MalformedPartException(
                    PART, "holds a gap from entry " + start + " to " + to + " or beyond, where the entries end");
        }
        target.set(index, source.bits(1) != 0);
        return index;
    }

    /**
     * The vector of a stream.
     *
     * @param stream not modified
     * @throws MalformedPartException for everything that {@link #encode} does not write
     */
    public static TernaryVector decode(byte[] stream, long length, long nonZeros, int parameter) {
        if (parameter < 0 || parameter > MAX_PARAMETER) {
            throw new MalformedPartException(
                    PART, "has the parameter " + parameter + "; 0 to " + MAX_PARAMETER + " are possible");
        }
        if (length < 0 || nonZeros < 0 || nonZeros > length) {
            throw new MalformedPartException(
                    PART, "has " + nonZeros + " non-zeros of " + length + " entries, which is impossible");
        }
        long end = (long) stream.length * Byte.SIZE;
        if (nonZeros > end / (2 + parameter)) {
            throw new MalformedPartException(
                    PART, "has " + stream.length + " bytes, too few for " + nonZeros + " codes: it was cut");
        }
        TernaryBuilder target = new TernaryBuilder(length);
        BitReader source = BitReader.of(stream, stream.length);
        long start = 0;
        for (long i = 0; i < nonZeros; i++) {
            start = decodeOne(source, start, length, parameter, target) + 1;
            if (source.position() > end) {
                throw new MalformedPartException(PART, "ends inside code " + i + " of " + nonZeros + ": it was cut");
            }
        }
        requirePadding(source, end);
        return target.build();
    }

    /** Refuses anything but less than a byte of zeros between the position of {@code source} and {@code end}. */
    static void requirePadding(BitReader source, long end) {
        long left = end - source.position();
        if (left >= Byte.SIZE) {
            throw new MalformedPartException(PART, "goes on for " + left + " bits behind its last code");
        }
        if (source.bits((int) left) != 0) {
            throw new MalformedPartException(PART, "is not padded with zeros");
        }
    }
}
