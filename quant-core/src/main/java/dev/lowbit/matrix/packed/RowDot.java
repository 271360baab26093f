package dev.lowbit.matrix.packed;

import dev.lowbit.kernel.KernelLookup;
import dev.lowbit.kernel.Lanes;

/**
 * The product of a row of packed codes with a vector, for codes that fill bytes: of 2 and 4 bits, in groups of 16 whole bytes. Each group has a table of what
 * codes stand for, and a scale. A load of 16 bytes gives every lane 4 or 2 codes, one behind the other, so the vector is arranged once for all rows
 * ({@link #arrange}) and no lane waits for another's code.
 *
 * <p>With k codes in a byte lane l sums (table[code_i] - zero) x_i over the codes i of a group with (i / k) mod 16 = l, ascending, by fused multiply-adds from 0;
 * then lane += scale * sum, fused. Every implementation gives these bits.
 */
public interface RowDot {
    /** Virtual lanes of the sum, and bytes of a step. */
    int LANES = Lanes.COUNT;

    /** Entries of a table, those of fewer again and again: foreign bits above a code then do no harm. */
    int TABLE = 16;

    /** The kernel of this process. */
    static RowDot get() {
        return Holder.KERNEL;
    }

    /** Whether rows of so many codes of this width in groups of {@code width} are known here. */
    static boolean knows(int bits, int width, int columns) {
        return (bits == 2 || bits == 4) && width % step(bits) == 0 && columns % width == 0;
    }

    /** Codes in 16 bytes. */
    private static int step(int bits) {
        return LANES * codesInByte(bits);
    }

    /** Codes in a byte. */
    static int codesInByte(int bits) {
        return Byte.SIZE / bits;
    }

    /**
     * Vectors in the order in which codes are met.
     *
     * @param x any number of vectors, each of a multiple of a step; not modified
     */
    static float[] arrange(float[] x, int bits) {
        int codes = codesInByte(bits);
        float[] arranged = new float[x.length];
        for (int from = 0; from < x.length; from += step(bits)) {
            for (int lane = 0; lane < LANES; lane++) {
                for (int t = 0; t < codes; t++) {
                    arranged[from + t * LANES + lane] = x[from + lane * codes + t];
                }
            }
        }
        return arranged;
    }

    /**
     * Adds the product of a row to 16 lanes.
     *
     * @param row its packed codes from the first byte on, readable for {@link Packing#SLACK} bytes behind them
     * @param count codes of the row, a multiple of {@code width}
     * @param width codes of a group
     * @param tables {@link #TABLE} entries for each table
     * @param table where the first group's table begins
     * @param tableStep from a group's table to the next group's; 0 when all have the same
     * @param zeros of all groups, unsigned; null for none
     * @param scales of all groups; null for 1
     * @param group the row's first
     * @param x arranged, from {@code xFrom} on
     * @param lanes 16 sums; modified
     */
    void dot(
            byte[] row,
            int bits,
            int count,
            int width,
            float[] tables,
            int table,
            int tableStep,
            byte[] zeros,
            float[] scales,
            int group,
            float[] x,
            int xFrom,
            float[] lanes);

    /** Delays the choice until the first use. */
    final class Holder {
        private static final RowDot KERNEL = KernelLookup.choose(ScalarRowDot::new, VectorRowDot::new);

        private Holder() {}
    }
}
