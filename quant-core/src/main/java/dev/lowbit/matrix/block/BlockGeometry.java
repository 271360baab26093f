package dev.lowbit.matrix.block;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.tensor.Shape;

/**
 * Where the blocks of a matrix lie. A matrix is some lines of equal length; each line is cut into blocks from its start. Flat
 * blocks, and row blocks that divide the row, make one line of the whole matrix.
 *
 * @param lines how many lines
 * @param lineLength weights per line
 * @param groupSize weights per block, but for the last of a line
 * @param blocksPerLine blocks per line
 */
public record BlockGeometry(int lines, long lineLength, int groupSize, long blocksPerLine) {
    static BlockGeometry of(int rows, int columns, int groupSize, BlockLayout layout) {
        if (rows < 1 || columns < 1) {
            throw InvalidRequestException.usage(
                    "a quantized matrix needs at least one row and column, got " + rows + " x " + columns);
        }
        boolean oneLine = layout == BlockLayout.FLAT || rows == 1 || columns % groupSize == 0;
        int lines = oneLine ? 1 : rows;
        long length = oneLine ? (long) rows * columns : columns;
        BlockGeometry geometry = new BlockGeometry(lines, length, groupSize, ceilDiv(length, groupSize));
        if (geometry.blocks() > Shape.LARGEST_ARRAY) {
            throw InvalidRequestException.impossible(rows + " x " + columns + " weights in groups of " + groupSize
                    + " make " + geometry.blocks() + " blocks, more than 2^31; use a larger group");
        }
        return geometry;
    }

    /** Weights of the matrix. */
    public long size() {
        return lines * lineLength;
    }

    /** Blocks of all lines. */
    public long blocks() {
        return lines * blocksPerLine;
    }

    /** The block of the weight at a row-major index. */
    public int blockOf(long weight) {
        return (int) (weight / lineLength * blocksPerLine + weight % lineLength / groupSize);
    }

    /** The row-major index of the first weight of a block. */
    public long start(int block) {
        return block / blocksPerLine * lineLength + block % blocksPerLine * groupSize;
    }

    /** How many weights a block holds. */
    public int length(int block) {
        return (int) Math.min(groupSize, lineLength - block % blocksPerLine * groupSize);
    }

    static long ceilDiv(long a, long b) {
        return (a + b - 1) / b;
    }
}
