package dev.lowbit.compeft;

import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MalformedPartException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The signs of one vector as bytes, in pieces of 2^24 entries, so that no piece exceeds an array or 32-bit offsets whatever the length: for each
 * piece its non-zeros and its bytes (32 bits each), then what the code makes of it.
 */
final class Payload {
    /** Entries of a piece: 4096 blocks of 4096. */
    static final int PIECE = 1 << 24;

    private static final int RECORD = 2 * Integer.BYTES;
    private static final String PART = "payload";

    private Payload() {}

    /** Exact bytes. */
    static long bytes(TernaryVector vector, TernaryCode code, int parameter) {
        long bytes = 0;
        for (long from = 0; from < vector.length(); from += PIECE) {
            bytes += RECORD + code.coder().bytes(vector, from, count(vector.length(), from), parameter);
        }
        return bytes;
    }

    /** The fewest bytes that a vector of so many entries can have. */
    static long leastBytes(long length, TernaryCode code) {
        long whole = length / PIECE;
        int rest = (int) (length % PIECE);
        return whole * (RECORD + code.coder().leastBytes(PIECE))
                + (rest == 0 ? 0 : RECORD + code.coder().leastBytes(rest));
    }

    private static int count(long length, long from) {
        return (int) Math.min(PIECE, length - from);
    }

    static void write(TernaryVector vector, TernaryCode code, int parameter, OutputStream target) throws IOException {
        for (long from = 0; from < vector.length(); from += PIECE) {
            int count = count(vector.length(), from);
            byte[] piece = code.coder().encode(vector, from, count, parameter);
            target.write(ByteBuffer.allocate(RECORD)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putInt((int) vector.nonZeros(from, from + count))
                    .putInt(piece.length)
                    .array());
            target.write(piece);
        }
    }

    /** Where the bytes of a payload come from. */
    interface Source {
        /** The next bytes, little-endian; there are as many. */
        ByteBuffer read(int bytes) throws IOException;
    }

    /**
     * Reads a vector.
     *
     * @param bytes how many bytes the payload has, at least {@link #leastBytes} for the length; the source has as many
     * @throws MalformedPartException for everything that {@link #write} does not write
     */
    static TernaryVector read(
            Source source, long length, long nonZeros, long bytes, TernaryCode code, int parameter, Workers workers)
            throws IOException {
        TernaryBuilder target = new TernaryBuilder(length);
        long left = bytes;
        for (long from = 0; from < length; from += PIECE) {
            int count = count(length, from);
            require(left >= RECORD, "ends before entry " + from + " of " + length);
            ByteBuffer piece = source.read(RECORD);
            long found = Integer.toUnsignedLong(piece.getInt());
            long size = Integer.toUnsignedLong(piece.getInt());
            left -= RECORD;
            require(found <= count, "has a piece of " + count + " entries with " + found + " non-zeros");
            require(
                    size >= code.coder().leastBytes(count) && size <= left && size <= Integer.MAX_VALUE - Long.BYTES,
                    "has a piece of " + size + " bytes at entry " + from + "; at least "
                            + code.coder().leastBytes(count) + " are needed, and " + left + " are left");
            code.coder().decode(source.read((int) size).array(), from, count, (int) found, parameter, target, workers);
            left -= size;
        }
        require(left == 0, "goes on for " + left + " bytes behind its last piece");
        TernaryVector vector = target.build();
        require(
                vector.nonZeros() == nonZeros,
                "has " + vector.nonZeros() + " non-zeros, the header announces " + nonZeros);
        return vector;
    }

    private static void require(boolean holds, String detail) {
        if (!holds) {
            throw new MalformedPartException(PART, detail);
        }
    }
}
