package dev.lowbit.matrix.lookup;

import dev.lowbit.kernel.KernelLookup;

/**
 * The verbs of products by lookup: index values are bytes, and what they stand for is looked up in tables of unsigned bytes. {@link #multiply} takes tables of 64 or 256
 * entries, an index counts modulo that, or {@link LookupShape#HALF_TABLES}: what both halves of an index stand for is added.
 */
interface LookupKernels extends DomainKernels {
    /** Fixed-point steps in one unit of a table. */
    int FRACTION = 256;

    /** Half a unit, so that cutting off rounds. */
    int HALF = FRACTION / 2;

    /** Units that a table spans. */
    int RANGE = 255;

    /** Bits of a code at most, where a table is made from what codes stand for. */
    int MAX_BITS = 4;

    /** Whether this machine has an instruction for lookups. Without one the Vector API takes a detour without saying so, and products by lookup are slower than exact ones by far. */
    static boolean available() {
        return Lookups.OF_MACHINE != Lookups.NONE;
    }

    /** The kernels of this process, where {@link #available}. */
    static LookupKernels get() {
        return Holder.KERNELS;
    }

    /**
     * Whether each half of an index byte has a table of 16 entries, the lower half's first: {@link LookupShape#HALF_TABLES} bytes for a lookup. Else a byte has one table.
     */
    default boolean halves() {
        return false;
    }

    /**
     * What codes stand for as {@link #codeTables} wants it: 16 entries, those of fewer codes again and again.
     *
     * @param values 2^bits of them; not modified
     */
    default float[] levels(float[] values, int bits) {
        float[] levels = new float[1 << MAX_BITS];
        for (int i = 0; i < levels.length; i++) {
            levels[i] = values[i % values.length];
        }
        return levels;
    }

    /**
     * Tables for codes of {@code bits}: entry i is round(Σ_j (x_j level[code j of i] - min_j) / unit) with min_j the least product of column j, in fixed point of
     * {@link #FRACTION}.
     *
     * @param x span columns for each table from {@code xFrom} on, zeros where there are none, and 16 readable values behind; not modified
     * @param count of tables
     * @param span columns of a table
     * @param entries bytes of a table
     * @param levels of {@link #levels}; not modified
     * @param least the smallest level
     * @param most the largest
     * @param perUnit fixed-point steps in one of the inputs' unit; 0 fills the tables with zeros
     * @param tables modified (overwritten)
     */
    void codeTables(
            float[] x,
            int xFrom,
            int count,
            int span,
            int entries,
            int bits,
            float[] levels,
            float least,
            float most,
            float perUnit,
            byte[] tables);

    /**
     * The smallest and the largest of some values.
     *
     * @param bounds two; modified (overwritten); NaN both where a value is NaN
     */
    default void bounds(float[] values, int from, int count, float[] bounds) {
        float least = Float.POSITIVE_INFINITY;
        float most = Float.NEGATIVE_INFINITY;
        for (int i = from; i < from + count; i++) {
            least = Math.min(least, values[i]);
            most = Math.max(most, values[i]);
        }
        bounds[0] = least;
        bounds[1] = most;
    }

    /** tables[table + i] = round((values[from + i] - least) perUnit), 0 to {@link #RANGE}, for each i below {@code count}. */
    default void quantize(float[] values, int from, int count, float least, float perUnit, byte[] tables, int table) {
        for (int i = 0; i < count; i++) {
            tables[table + i] = (byte) fixed(values[from + i], least, perUnit);
        }
    }

    /** Steps from {@code least} on, rounded. */
    static int fixed(float value, float least, float perUnit) {
        return (int) ((value - least) * perUnit + 0.5f);
    }

    /** Delays the choice until the first use. */
    final class Holder {
        private static final LookupKernels KERNELS = Lookups.OF_MACHINE == Lookups.OF_HALVES
                ? new HalfLookupKernels()
                : KernelLookup.choose(ScalarLookupKernels::new, () -> new VectorLookupKernels());

        private Holder() {}
    }
}
