package dev.lowbit.compeft;

import dev.lowbit.kernel.Workers;

/** The mask P | N as whole bytes, then a bit for each of its ones, 1 where the entry is negative, as whole bytes. */
final class MaskAndSignCoder implements PieceCoder {
    private static final String PART = "mask";

    @Override
    public int bytes(TernaryVector vector, long from, int count, int parameter) {
        return BitMask.bytes(count) + BitMask.bytes((int) vector.nonZeros(from, from + count));
    }

    @Override
    public int leastBytes(int count) {
        return BitMask.bytes(count);
    }

    @Override
    public byte[] encode(TernaryVector vector, long from, int count, int parameter) {
        byte[] bytes = new byte[bytes(vector, from, count, parameter)];
        int signs = BitMask.bytes(count);
        int written = 0;
        for (int at = 0; at < count; at += Long.SIZE) {
            int part = Math.min(Long.SIZE, count - at);
            long minus = vector.minus(from + at, part);
            long mask = vector.plus(from + at, part) | minus;
            BitMask.put(bytes, at / Byte.SIZE, mask, part);
            // the signs of the ones, moved together, as a number of so many bits
            long packed = Long.compress(minus, mask);
            for (int i = 0; i < Long.bitCount(mask); i++, written++) {
                bytes[signs + written / Byte.SIZE] |= (byte) ((packed >>> i & 1) << written % Byte.SIZE);
            }
        }
        return bytes;
    }

    @Override
    public void decode(
            byte[] bytes, long from, int count, int nonZeros, int parameter, TernaryBuilder target, Workers workers) {
        int signs = BitMask.bytes(count);
        BitMask.requireSize(bytes, signs + BitMask.bytes(nonZeros), PART);
        BitMask.requirePadding(bytes, 0, count, PART);
        BitMask.requireCount(ones(bytes, count), nonZeros, PART);
        BitMask.requirePadding(bytes, signs, nonZeros, PART);
        int read = 0;
        for (int at = 0; at < count; at += Long.SIZE) {
            int part = Math.min(Long.SIZE, count - at);
            long mask = BitMask.get(bytes, at / Byte.SIZE, part);
            long packed = 0;
            for (int i = 0; i < Long.bitCount(mask); i++, read++) {
                packed |= (long) (bytes[signs + read / Byte.SIZE] >>> read % Byte.SIZE & 1) << i;
            }
            long minus = Long.expand(packed, mask);
            target.setWord((from + at) / Long.SIZE, mask & ~minus, minus);
        }
    }

    private static int ones(byte[] mask, int count) {
        int ones = 0;
        for (int at = 0; at < count; at += Long.SIZE) {
            ones += Long.bitCount(BitMask.get(mask, at / Byte.SIZE, Math.min(Long.SIZE, count - at)));
        }
        return ones;
    }
}
