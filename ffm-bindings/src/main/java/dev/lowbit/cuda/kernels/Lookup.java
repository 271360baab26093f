package dev.lowbit.cuda.kernels;

import dev.lowbit.cuda.driver.Cuda;

/**
 * How a matrix is multiplied by lookup ({@code lookup.cuh}).
 *
 * @param kernel its name
 * @param columnsOfLane columns that one lane of a warp has in a tile
 * @param unitRows rows that a warp takes at a time
 */
record Lookup(String kernel, int columnsOfLane, int unitRows) {
    /** Up to this many tokens it pays to go over the codes once for each. */
    static final int MOST_TOKENS = 4;

    static final int THREADS = 512;
    static final int SHARED_BYTES = 128 << 10;

    /** With fewer rows making the tables would be most of the work. */
    private static final int LEAST_ROWS = 64;

    private static final int LANES = 32;

    /** Whether the device has room for the tables, and the matrix rows that make them worth their while. */
    static boolean suits(Cuda cuda, int rows) {
        return rows >= LEAST_ROWS && cuda.largestSharedMemory() >= SHARED_BYTES;
    }

    /**
     * For codes of one matrix-wide width of 1 to 4 bits in groups that follow from their place; null where it does not suit them.
     *
     * @param prefix what the kernels' names begin with
     * @param group columns of a group that begins with its row
     */
    static Lookup ofCodes(Cuda cuda, String prefix, int bits, int group, int rows, int columns) {
        if (bits > 4 || !suits(cuda, rows) || (long) columns * bits % Integer.SIZE != 0) {
            return null;
        }
        int columnsOfLane = bits == 3 ? Integer.SIZE : Integer.SIZE / bits;
        if (group < columns && group % columnsOfLane != 0) {
            return null;
        }
        return new Lookup(prefix + "_lookup" + bits, columnsOfLane, bits == 3 ? 8 : 16);
    }

    int tiles(int columns) {
        return Math.ceilDiv(columns, LANES * columnsOfLane);
    }

    int units(int rows) {
        return Math.ceilDiv(rows, unitRows);
    }
}
