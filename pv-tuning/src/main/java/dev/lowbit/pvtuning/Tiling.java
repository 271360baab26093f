package dev.lowbit.pvtuning;

/**
 * A matrix cut into tiles of {@code outGroup x inGroup} weights, each written by one code for every codebook.
 *
 * @param rows O, a multiple of outGroup
 * @param columns I, a multiple of inGroup
 * @param outGroup rows of a tile; 1 in every published model
 * @param inGroup columns of a tile
 */
record Tiling(int rows, int columns, int outGroup, int inGroup) {
    Tiling {
        if (outGroup < 1 || inGroup < 1 || rows < 1 || columns < 1 || rows % outGroup != 0 || columns % inGroup != 0) {
            throw new IllegalArgumentException(rows + " x " + columns + " weights are no whole number of " + outGroup
                    + " x " + inGroup + " tiles");
        }
    }

    /** P, tiles in a column of tiles. */
    int tileRows() {
        return rows / outGroup;
    }

    /** Q, tiles in a row of tiles. */
    int tileColumns() {
        return columns / inGroup;
    }

    /** P Q. */
    int tiles() {
        return Math.multiplyExact(tileRows(), tileColumns());
    }

    /** Weights of a tile, which a codeword has too, row-major. */
    int tileSize() {
        return outGroup * inGroup;
    }

    /** Weights of all tiles. */
    int size() {
        return Math.multiplyExact(rows, columns);
    }
}
