package dev.lowbit.compeft;

import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MalformedPartException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Rice codes in blocks of 4096 entries that can be decoded each on its own, because the first gap of a block is counted from where the block begins:
 * the codes of all blocks without a gap between them, zeros up to a whole byte, then the bit at which each block begins and the last one ends, 32 bits
 * each.
 */
final class RiceCoder implements PieceCoder {
    /** Entries of a block. */
    static final int BLOCK = 4096;

    /** A gap inside a block has 12 bits. */
    static final int MAX_PARAMETER = 12;

    private static final String PART = "rice";

    /** The parameter with the shortest codes among b* and its neighbours, the smaller of two that are equal. */
    static int bestParameter(TernaryVector vector) {
        int middle = Math.min(RiceCode.parameter(vector.length(), vector.nonZeros()), MAX_PARAMETER);
        int best = middle;
        long least = Long.MAX_VALUE;
        for (int b = Math.max(0, middle - 1); b <= Math.min(MAX_PARAMETER, middle + 1); b++) {
            long bits = bits(vector, 0, vector.length(), b);
            if (bits < least) {
                best = b;
                least = bits;
            }
        }
        return best;
    }

    private static long bits(TernaryVector vector, long from, long to, int parameter) {
        long bits = 0;
        for (long block = from; block < to; block += BLOCK) {
            bits += RiceCode.bits(vector, block, Math.min(block + BLOCK, to), parameter);
        }
        return bits;
    }

    private static int blocks(int count) {
        return Math.ceilDiv(count, BLOCK);
    }

    private static int indexBytes(int count) {
        return (blocks(count) + 1) * Integer.BYTES;
    }

    @Override
    public int bytes(TernaryVector vector, long from, int count, int parameter) {
        return streamBytes(bits(vector, from, from + count, parameter)) + indexBytes(count);
    }

    private static int streamBytes(long bits) {
        return Math.toIntExact(Math.ceilDiv(bits, Byte.SIZE));
    }

    @Override
    public int leastBytes(int count) {
        return indexBytes(count);
    }

    @Override
    public byte[] encode(TernaryVector vector, long from, int count, int parameter) {
        byte[] bytes = new byte[bytes(vector, from, count, parameter)];
        ByteBuffer index =
                ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).position(bytes.length - indexBytes(count));
        BitWriter stream = new BitWriter(bytes);
        long end = from + count;
        for (long block = from; block < end; block += BLOCK) {
            index.putInt((int) stream.position());
            RiceCode.encode(vector, block, Math.min(block + BLOCK, end), parameter, stream);
        }
        index.putInt((int) stream.position());
        return bytes;
    }

    @Override
    public void decode(
            byte[] bytes, long from, int count, int nonZeros, int parameter, TernaryBuilder target, Workers workers) {
        int streamBytes = bytes.length - indexBytes(count);
        int[] index = new int[blocks(count) + 1];
        ByteBuffer.wrap(bytes, streamBytes, indexBytes(count))
                .order(ByteOrder.LITTLE_ENDIAN)
                .asIntBuffer()
                .get(index);
        requireOrder(index, streamBytes);
        BitReader stream = BitReader.of(bytes, streamBytes);
        RiceCode.requirePadding(stream.at(index[index.length - 1]), (long) streamBytes * Byte.SIZE);
        int[] found = new int[blocks(count)];
        workers.forEach(found.length, block -> {
            long begin = from + (long) block * BLOCK;
            long end = Math.min(begin + BLOCK, from + count);
            found[block] = decodeBlock(stream.at(index[block]), index[block + 1], begin, end, parameter, target);
        });
        BitMask.requireCount(Arrays.stream(found).sum(), nonZeros, PART);
    }

    /** Returns the number of codes. */
    private static int decodeBlock(
            BitReader stream, int endBit, long begin, long end, int parameter, TernaryBuilder target) {
        int codes = 0;
        long start = begin;
        while (stream.position() < endBit) {
            start = RiceCode.decodeOne(stream, start, end, parameter, target) + 1;
            codes++;
        }
        if (stream.position() != endBit) {
            throw new MalformedPartException(PART, "has a block that ends inside a code, before entry " + end);
        }
        return codes;
    }

    /** A piece has less than 2^31 bits, so a negative offset is one beyond the end. */
    private static void requireOrder(int[] index, int streamBytes) {
        long end = (long) streamBytes * Byte.SIZE;
        int last = 0;
        for (int offset : index) {
            if (offset < last || offset > end) {
                throw new MalformedPartException(
                        PART,
                        "has a block at bit " + Integer.toUnsignedLong(offset) + " between bits " + last + " and "
                                + end);
            }
            last = offset;
        }
        if (index[0] != 0) {
            throw new MalformedPartException(PART, "begins at bit " + index[0] + " and not at 0");
        }
    }
}
