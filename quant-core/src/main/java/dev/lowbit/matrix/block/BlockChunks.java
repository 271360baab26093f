package dev.lowbit.matrix.block;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Cuts the blocks of a matrix into fixed chunks that can be quantized apart: a chunk starts at a block and at a whole byte of the
 * packed codes, whatever their width, because its first weight is a multiple of 8. Never depends on who does the work.
 */
final class BlockChunks {
    private static final int TARGET_WEIGHTS = 1 << 14;
    private static final int MAX_WEIGHTS = 1 << 28;
    private static final int BYTE_STEP = 8;

    private final BlockGeometry geometry;
    private final int unitsPerChunk;

    BlockChunks(BlockGeometry geometry) {
        this.geometry = geometry;
        long unit = geometry.lines() == 1 ? geometry.groupSize() : geometry.lineLength();
        long units = Math.max(1, TARGET_WEIGHTS / BYTE_STEP / unit) * BYTE_STEP;
        if (geometry.lines() > 1 && units * unit > MAX_WEIGHTS) {
            throw InvalidRequestException.impossible("rows of " + unit + " weights that end inside a group of "
                    + geometry.groupSize() + " are too long; use the flat layout");
        }
        this.unitsPerChunk = (int) units;
    }

    int count() {
        long units = geometry.lines() == 1 ? geometry.blocks() : geometry.lines();
        return (int) BlockGeometry.ceilDiv(units, unitsPerChunk);
    }

    Chunk chunk(int index) {
        int unit = index * unitsPerChunk;
        if (geometry.lines() == 1) {
            long first = (long) unit * geometry.groupSize();
            int weights = (int) Math.min((long) unitsPerChunk * geometry.groupSize(), geometry.size() - first);
            int blocks = (int) Math.min(unitsPerChunk, geometry.blocks() - unit);
            return new Chunk(first, 1, weights, unit, blocks);
        }
        int lines = Math.min(unitsPerChunk, geometry.lines() - unit);
        return new Chunk(
                unit * geometry.lineLength(),
                lines,
                (int) geometry.lineLength(),
                (int) (unit * geometry.blocksPerLine()),
                (int) geometry.blocksPerLine());
    }

    /**
     * Consecutive pieces of equal length, each starting with a block.
     *
     * @param firstWeight row-major index of the first weight, a multiple of 8
     * @param pieces how many pieces
     * @param pieceLength weights per piece
     * @param firstBlock the first block
     * @param blocksPerPiece blocks per piece, the last of them possibly short
     */
    record Chunk(long firstWeight, int pieces, int pieceLength, int firstBlock, int blocksPerPiece) {
        int weights() {
            return pieces * pieceLength;
        }

        /** Copies this chunk's part of a matrix to the start of an array, which it returns. */
        float[] load(FloatMatrix source, float[] into) {
            MemorySegment.copy(source.segment(), ValueLayout.JAVA_FLOAT, firstWeight * Float.BYTES, into, 0, weights());
            return into;
        }

        /** Every piece: its offset in the chunk, its length, its first block. */
        void forEachPiece(PieceBody body) {
            for (int piece = 0; piece < pieces; piece++) {
                body.accept(piece * pieceLength, pieceLength, firstBlock + piece * blocksPerPiece);
            }
        }
    }

    /** What is done with one piece of a chunk. */
    @FunctionalInterface
    interface PieceBody {
        void accept(int offset, int length, int firstBlock);
    }
}
