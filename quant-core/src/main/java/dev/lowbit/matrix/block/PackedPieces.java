package dev.lowbit.matrix.block;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Walks a range of weights of one matrix piece by piece: each piece lies in one line, starts with a block (or is the rest of one),
 * and comes with its packed bytes copied to an array that is readable beyond its end. For use by one thread.
 */
final class PackedPieces {
    private static final int TARGET_WEIGHTS = 1 << 13;

    private final BlockGeometry geometry;
    private final MemorySegment codes;
    private final int bits;
    private final byte[] packed;

    PackedPieces(BlockGeometry geometry, MemorySegment codes, int bits) {
        this.geometry = geometry;
        this.codes = codes;
        this.bits = bits;
        int longest = Math.max(geometry.groupSize(), TARGET_WEIGHTS);
        this.packed = new byte[longest / Byte.SIZE * bits + 2 * Byte.SIZE + BlockKernels.PACKED_SLACK];
    }

    /** Takes a piece. */
    @FunctionalInterface
    interface Body {
        /**
         * @param packed holds the piece's codes from bit {@code bitOffset} on
         * @param weight row-major index of the first weight
         * @param length weights in the piece
         * @param block the block of the first weight
         */
        void accept(byte[] packed, long bitOffset, long weight, int length, int block);
    }

    /** All pieces of weights {@code from} (inclusive) to {@code to} (exclusive), in order. */
    void forEach(long from, long to, Body body) {
        int group = geometry.groupSize();
        long step = Math.max(1, TARGET_WEIGHTS / group) * (long) group;
        for (long weight = from; weight < to; ) {
            int block = geometry.blockOf(weight);
            long start = geometry.start(block);
            long lineEnd = weight - weight % geometry.lineLength() + geometry.lineLength();
            long end = Math.min(to, lineEnd);
            end = Math.min(end, start == weight ? weight + step : start + geometry.length(block));
            int length = (int) (end - weight);
            body.accept(packed, load(weight, length), weight, length, block);
            weight = end;
        }
    }

    /** Copies the bytes that hold the piece and returns the bit at which its codes start in {@link #packed}. */
    private long load(long weight, int length) {
        long bit = weight * bits;
        long firstByte = bit / Byte.SIZE;
        long lastByte = (bit + (long) length * bits - 1) / Byte.SIZE;
        MemorySegment.copy(codes, ValueLayout.JAVA_BYTE, firstByte, packed, 0, (int) (lastByte - firstByte + 1));
        return bit % Byte.SIZE;
    }
}
