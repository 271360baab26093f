package dev.lowbit.matrix.block;

import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.packed.Packing;
import java.lang.foreign.MemorySegment;

/**
 * A cursor over a range of weights of one matrix, piece by piece: each piece lies in one line, starts with a block (or is the rest of
 * one), and comes with its packed bytes copied to an array that is readable beyond its end, because kernels load whole words. For use
 * by one thread, which reuses the array of its {@link BlockScratch}.
 */
final class PackedPieces {
    private static final int TARGET_WEIGHTS = 1 << 12;

    private final BlockGeometry geometry;
    private final MemorySegment codes;
    private final int bits;
    private final byte[] packed;
    private final long step;

    private long next;
    private long end;
    private long weight;
    private int length;
    private int block;
    private int bitOffset;

    PackedPieces(BlockGeometry geometry, MemorySegment codes, int bits) {
        this.geometry = geometry;
        this.codes = codes;
        this.bits = bits;
        int group = geometry.groupSize();
        this.step = Math.max(1, TARGET_WEIGHTS / group) * (long) group;
        this.packed = BlockScratch.ofThread().packed((int) PackedCodes.bytes(step, bits) + Byte.SIZE + Packing.SLACK);
    }

    /** Sets the range: weights {@code from} (inclusive) to {@code to} (exclusive), row-major. */
    void start(long from, long to) {
        next = from;
        end = to;
    }

    /** Moves to the next piece; false at the end. */
    boolean next() {
        if (next >= end) {
            return false;
        }
        weight = next;
        block = geometry.blockOf(weight);
        long start = geometry.start(block);
        long lineEnd = weight - weight % geometry.lineLength() + geometry.lineLength();
        long pieceEnd = start == weight ? weight + step : start + geometry.length(block);
        next = Math.min(pieceEnd, Math.min(lineEnd, end));
        length = (int) (next - weight);
        bitOffset = PackedCodes.load(codes, weight, length, bits, packed);
        return true;
    }

    /** The array that holds the piece's codes. */
    byte[] packed() {
        return packed;
    }

    /** Where in {@link #packed} the piece's codes start. */
    int bitOffset() {
        return bitOffset;
    }

    /** Row-major index of the piece's first weight. */
    long weight() {
        return weight;
    }

    /** Weights in the piece. */
    int length() {
        return length;
    }

    /** The block of the piece's first weight. */
    int block() {
        return block;
    }
}
