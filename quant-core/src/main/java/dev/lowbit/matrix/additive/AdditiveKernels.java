package dev.lowbit.matrix.additive;

import dev.lowbit.kernel.KernelLookup;
import dev.lowbit.kernel.Lanes;

/** The verbs of sums of codewords. Every implementation gives the same bits. */
interface AdditiveKernels {
    /** Virtual lanes of a horizontal sum. */
    int LANES = Lanes.COUNT;

    /** Rows that are multiplied together. */
    int ROWS = 2;

    /** Columns of a piece of a codeword at least. */
    int SMALL_PIECE = 4;

    /** Columns of a piece of a codeword at most. */
    int LARGE_PIECE = 8;

    /** Floats that must be there behind the end of codewords and decoded rows, because whole vectors are read and written. */
    int SLACK = 16;

    /** The kernels of this process. */
    static AdditiveKernels get() {
        return Holder.KERNELS;
    }

    /**
     * One row of some tiles that follow each other: scale * (C[0] + C[1] + ...), added in the order of the codebooks, each operation rounded to
     * float.
     *
     * @param row of the tiles, 0 to outGroup - 1
     * @param codes K per tile of the whole row of tiles
     * @param from the first tile
     * @param tiles how many
     * @param out inGroup values for each tile of the whole row of tiles, from index from * inGroup on; modified, also for {@link #SLACK} values
     *     behind the last tile
     */
    void decode(Codewords words, int row, char[] codes, int from, int tiles, float scale, float[] out);

    /**
     * The products of one tile's inputs with every codeword, for tiles of one row: the sum of C_i x_i by fused multiply-adds from 0, i ascending.
     *
     * @param x inGroup values from {@code xFrom} on; not modified
     * @param table one for each codeword, codebook after codebook, from {@code tableFrom} on; modified (overwritten)
     */
    void products(Codewords words, float[] x, int xFrom, float[] table, int tableFrom);

    /** Columns of the pieces that products take codewords of so many columns in. */
    default int piece(int inGroup) {
        return inGroup % LARGE_PIECE == 0 ? LARGE_PIECE : SMALL_PIECE;
    }

    /**
     * Adds the products of {@link #ROWS} rows and some columns with a vector to 16 lanes each: lane l sums C_i x_i over the columns i with i mod 16 = l, ascending, and for each over the codebooks, by fused
     * multiply-adds from 0, then lane += scale * sum, fused.
     *
     * @param values of codewords; not modified
     * @param piece of {@link #piece}
     * @param pieces where pieces start in the values: for every piece of a row one for each codebook; not modified
     * @param piecesOfRow from a row's to the next row's
     * @param x of the row from {@code xFrom} on; not modified
     * @param from the first column, a multiple of 16
     * @param count of columns, a multiple of 16
     * @param lanes 16 sums for each row; modified
     */
    void dot(
            float[] values,
            int codebooks,
            int piece,
            int[] pieces,
            int piecesOfRow,
            float[] x,
            int xFrom,
            int from,
            int count,
            float scale0,
            float scale1,
            float[] lanes);

    /**
     * How near the codewords of one codebook are to a point: offset + &lt;c, point&gt; by fused multiply-adds from the offset, coordinates ascending.
     *
     * @param offsets one for each codeword, codebook after codebook; not modified
     * @param point tile values; not modified
     * @param out one for each codeword of the codebook; modified (overwritten)
     */
    void gains(Codewords words, int codebook, float[] offsets, float[] point, float[] out);

    /** The index of the largest of some numbers, of equal ones the lowest; none is NaN, and there is one at least. */
    int largest(float[] values, int count);

    /**
     * Adds the sum of some values to 16 lanes: lane l sums those with i mod 16 = l from 0, then lane += scale * sum, fused.
     *
     * @param values not modified
     * @param lanes 16 sums; modified
     */
    void addScaled(float[] values, int from, int count, float scale, float[] lanes);

    /**
     * The product of two rows in 16 lanes: lane l sums a_i x_i over i mod 16 = l by fused multiply-adds from 0.
     *
     * @param a from index 0 on; not modified
     * @param x from {@code xFrom} on; not modified
     * @param lanes 16 sums; modified (overwritten)
     */
    void dot(float[] a, float[] x, int xFrom, int count, float[] lanes);

    /** Delays the choice until the first use. */
    final class Holder {
        private static final AdditiveKernels KERNELS =
                KernelLookup.choose(ScalarAdditiveKernels::new, () -> new VectorAdditiveKernels());

        private Holder() {}
    }
}
