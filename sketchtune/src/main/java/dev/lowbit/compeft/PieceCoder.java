package dev.lowbit.compeft;

import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MalformedPartException;

/** How a piece of a ternary vector becomes bytes. A piece begins at a multiple of 4096 and has {@link Payload#PIECE} entries, the last one fewer. */
interface PieceCoder {
    /** Bytes of the piece of {@code count} entries from {@code from} on. */
    int bytes(TernaryVector vector, long from, int count, int parameter);

    /** The fewest bytes that a piece of so many entries can have. */
    int leastBytes(int count);

    /** The bytes of a piece. */
    byte[] encode(TernaryVector vector, long from, int count, int parameter);

    /**
     * Sets the entries of a piece.
     *
     * @param bytes at least {@link #leastBytes}; not modified
     * @param nonZeros how many entries of the piece are not zero, at most {@code count}
     * @param target modified
     * @throws MalformedPartException for everything that {@link #encode} does not write
     */
    void decode(
            byte[] bytes, long from, int count, int nonZeros, int parameter, TernaryBuilder target, Workers workers);
}
