package dev.lowbit.matrix.additive;

import dev.lowbit.kernel.KernelLookup;
import dev.lowbit.kernel.Lanes;

/** The verbs of sums of codewords. Every implementation gives the same bits. */
interface AdditiveKernels {
    /** Virtual lanes of a horizontal sum. */
    int LANES = Lanes.COUNT;

    /** Rows that are multiplied together. */
    int ROWS = 2;

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

    /** Whether {@link #dotOfRows} knows tiles of so many columns: those that four or two fill the lanes. */
    static boolean hasDotOfRows(int inGroup) {
        return inGroup == 4 || inGroup == 8;
    }

    /**
     * Adds the products of {@link #ROWS} rows and some columns with a vector to 16 lanes each, for tiles of one row: lane l sums C_i x_i over the columns i with i mod 16 = l, ascending, and for each over the
     * codebooks, by fused multiply-adds from 0, then lane += scale * sum, fused.
     *
     * @param starts where codewords start in {@link Codewords#values}: for each tile of a row one for each codebook, then the next row's; not modified
     * @param startsOfRow from a row's to the next row's
     * @param x of the row from {@code xFrom} on; not modified
     * @param from the first column, a multiple of 16
     * @param count of columns, a multiple of 16
     * @param scale0 of the first row
     * @param scale1 of the second
     * @param lanes 16 sums for each row; modified
     */
    void dotOfRows(
            Codewords words,
            int[] starts,
            int startsOfRow,
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
