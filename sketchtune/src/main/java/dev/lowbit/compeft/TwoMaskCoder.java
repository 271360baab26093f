package dev.lowbit.compeft;

import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MalformedPartException;

/** Mask P, then mask N, each as whole bytes. */
final class TwoMaskCoder implements PieceCoder {
    private static final String PART = "masks";

    @Override
    public int bytes(TernaryVector vector, long from, int count, int parameter) {
        return leastBytes(count);
    }

    @Override
    public int leastBytes(int count) {
        return 2 * BitMask.bytes(count);
    }

    @Override
    public byte[] encode(TernaryVector vector, long from, int count, int parameter) {
        byte[] bytes = new byte[leastBytes(count)];
        int second = BitMask.bytes(count);
        for (int at = 0; at < count; at += Long.SIZE) {
            int part = Math.min(Long.SIZE, count - at);
            BitMask.put(bytes, at / Byte.SIZE, vector.plus(from + at, part), part);
            BitMask.put(bytes, second + at / Byte.SIZE, vector.minus(from + at, part), part);
        }
        return bytes;
    }

    @Override
    public void decode(
            byte[] bytes, long from, int count, int nonZeros, int parameter, TernaryBuilder target, Workers workers) {
        BitMask.requireSize(bytes, leastBytes(count), PART);
        int second = BitMask.bytes(count);
        BitMask.requirePadding(bytes, 0, count, PART);
        BitMask.requirePadding(bytes, second, count, PART);
        int found = 0;
        for (int at = 0; at < count; at += Long.SIZE) {
            int part = Math.min(Long.SIZE, count - at);
            long plus = BitMask.get(bytes, at / Byte.SIZE, part);
            long minus = BitMask.get(bytes, second + at / Byte.SIZE, part);
            if ((plus & minus) != 0) {
                throw new MalformedPartException(
                        PART,
                        "make entry " + (from + at + Long.numberOfTrailingZeros(plus & minus))
                                + " both positive and negative");
            }
            found += Long.bitCount(plus | minus);
            target.setWord((from + at) / Long.SIZE, plus, minus);
        }
        BitMask.requireCount(found, nonZeros, PART);
    }
}
