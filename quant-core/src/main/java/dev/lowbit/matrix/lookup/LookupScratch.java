package dev.lowbit.matrix.lookup;

/** What a thread needs for a domain, kept by it. */
final class LookupScratch {
    private static final ThreadLocal<LookupScratch> OF_THREAD = ThreadLocal.withInitial(LookupScratch::new);

    /** The sums of a block. */
    final short[] sums = new short[LookupShape.BLOCK_ROWS];

    /** A table for each lookup of a domain. */
    byte[] tables = new byte[0];

    /** What 1 in these is worth. */
    float unit;

    /** What zeros in all of them are worth. */
    float base;

    /** The smallest and the largest of some products. */
    final float[] bounds = new float[2];

    private float[] products = new float[0];

    private LookupScratch() {}

    static LookupScratch ofThread() {
        return OF_THREAD.get();
    }

    void requireTables(int bytes) {
        if (tables.length < bytes) {
            tables = new byte[bytes];
        }
    }

    /**
     * Sets unit and base.
     *
     * @param range of the widest table
     * @param least the sum of what all tables begin with
     * @param steps that a table's entries are counted in, for each unit
     * @return steps in one of the inputs' unit; 0 where the range is too small to be divided
     */
    float measure(float range, float least, int steps) {
        float one = range / LookupKernels.RANGE;
        boolean none = one < LookupKernels.SMALLEST_UNIT;
        unit = none ? 0 : one;
        base = least;
        return none ? 0 : steps / one;
    }

    /** Room for products of codewords, with what was there before. */
    float[] products(int count) {
        if (products.length < count) {
            products = new float[count];
        }
        return products;
    }
}
