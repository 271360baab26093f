package dev.lowbit.matrix.packed;

import dev.lowbit.kernel.KernelLookup;
import dev.lowbit.kernel.Lanes;

/**
 * The product of a row of packed codes with a vector, for codes that fill bytes: of 2 and 4 bits. A load of 16 bytes gives every lane 4 or 2 codes, one behind the
 * other, so the vector is arranged once for all rows ({@link #arrange}) and no lane waits for another's code. Each group has a scale and a table of what codes
 * stand for; groups are whole steps of 16 bytes, or several whole groups fill a step and have one table.
 *
 * <p>With k codes in a byte lane l sums (table[code_i] - zero) x_i over the codes i of a group, or of a step if that is longer, with (i / k) mod 16 = l,
 * ascending, by fused multiply-adds from 0; then lane += scale * sum, fused, with zero and scale those of the lane's own codes. Every implementation gives these bits.
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

    /**
     * Whether rows of so many codes of this width in groups of {@code width} are known here.
     *
     * @param oneTable whether all groups have the same
     */
    static boolean knows(int bits, int width, int columns, boolean oneTable) {
        if (bits != 2 && bits != 4) {
            return false;
        }
        int step = step(bits);
        boolean groupsInStep = oneTable && step % width == 0 && width >= codesInByte(bits) && columns % step == 0;
        return groupsInStep || width % step == 0 && columns % width == 0;
    }

    /** A table of what codes stand for where that is themselves, again and again. */
    static float[] integers(int bits) {
        float[] integers = new float[TABLE];
        for (int i = 0; i < TABLE; i++) {
            integers[i] = i & (1 << bits) - 1;
        }
        return integers;
    }

    /** Codes in 16 bytes. */
    static int step(int bits) {
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
     * @param row its packed codes, readable for {@link Packing#SLACK} bytes behind them
     * @param count codes of the row
     * @param width codes of a group
     * @param tables {@link #TABLE} entries for each table; null where a code is what it stands for
     * @param tableStep from a group's table to the next group's; 0 when all have the same
     * @param zeros of the row's groups, readable for 16 behind them; null for none
     * @param scales of the row's groups, readable for 16 behind them; null for 1
     * @param x arranged, from {@code xFrom} on
     * @param lanes 16 sums; modified
     */
    void dot(
            byte[] row,
            int bits,
            int count,
            int width,
            float[] tables,
            int tableStep,
            float[] zeros,
            float[] scales,
            float[] x,
            int xFrom,
            float[] lanes);

    /** Delays the choice until the first use. */
    final class Holder {
        private static final RowDot KERNEL = KernelLookup.choose(ScalarRowDot::new, () -> new VectorRowDot());

        private Holder() {}
    }
}
