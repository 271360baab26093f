package dev.lowbit.matrix.packed;

import dev.lowbit.kernel.KernelLookup;
import dev.lowbit.kernel.Lanes;

/**
 * The product of rows of packed codes with a vector, for codes of 2, 3, 4 and 8 bits. A row is cut into units, the fewest whole bytes that hold whole codes, and each of 16 lanes takes a unit: no lane waits for
 * another's code, and the vector is arranged for that once for all rows ({@link #arrange}). Each group has a scale and a table of what codes stand for; groups are whole steps, or several whole groups fill a
 * step and have one table.
 *
 * <p>With k codes in a unit lane l sums (table[code_i] - zero) x_i over the codes i of a group, or of a step if that is longer, with (i / k) mod 16 = l,
 * ascending, by fused multiply-adds from 0; then lane += scale * sum, fused, with zero and scale those of the lane's own codes. Every implementation gives these bits.
 */
public interface RowDot {
    /** Virtual lanes of the sum. */
    int LANES = Lanes.COUNT;

    /** Rows that are multiplied together. */
    int ROWS = 2;

    /** Entries of a table, those of fewer again and again: foreign bits above a code then do no harm. */
    int TABLE = 16;

    /** The kernel of this process. */
    static RowDot get() {
        return Holder.KERNEL;
    }

    /**
     * Whether rows of so many codes of this width in groups of {@code width} are known here.
     *
     * @param ofGroups whether each group has a table
     * @param integers whether a code is what it stands for
     */
    static boolean knows(int bits, int width, int columns, boolean ofGroups, boolean integers) {
        boolean knowsBits = bits >= 2 && bits <= 4 || bits == Byte.SIZE && integers;
        if (!knowsBits || columns % width != 0) {
            return false;
        }
        int step = step(bits);
        boolean groupsInStep =
                !ofGroups && bits < Byte.SIZE && step % width == 0 && width >= codesOfUnit(bits) && columns % step == 0;
        return groupsInStep || width % step == 0;
    }

    /** A table of what codes stand for where that is themselves, again and again. */
    static float[] integers(int bits) {
        float[] integers = new float[TABLE];
        for (int i = 0; i < TABLE; i++) {
            integers[i] = i & (1 << bits) - 1;
        }
        return integers;
    }

    /** Codes of 16 units, of codes of 8 bits twice as many: what groups are made of. */
    static int step(int bits) {
        return Math.max(2, codesOfUnit(bits)) * LANES;
    }

    /** Codes of a unit, in whole bytes as few as possible: a byte, of codes of 3 bits three. */
    static int codesOfUnit(int bits) {
        return bits == 3 ? 8 : Byte.SIZE / bits;
    }

    /**
     * Vectors in the order in which codes are met.
     *
     * @param x any number of vectors, each of a multiple of a step; not modified
     */
    static float[] arrange(float[] x, int bits) {
        int codes = codesOfUnit(bits);
        float[] arranged = new float[x.length];
        for (int from = 0; from < x.length; from += LANES * codes) {
            for (int lane = 0; lane < LANES; lane++) {
                for (int t = 0; t < codes; t++) {
                    arranged[from + t * LANES + lane] = x[from + lane * codes + t];
                }
            }
        }
        return arranged;
    }

    /**
     * Adds the products of {@link #ROWS} rows to 16 lanes each.
     *
     * @param x arranged, from {@code xFrom} on; not modified
     * @param lanes 16 sums for each row; modified
     */
    void dot(RowBlock rows, float[] x, int xFrom, float[] lanes);

    /** Delays the choice until the first use. */
    final class Holder {
        private static final RowDot KERNEL = KernelLookup.choose(ScalarRowDot::new, () -> new VectorRowDot());

        private Holder() {}
    }
}
