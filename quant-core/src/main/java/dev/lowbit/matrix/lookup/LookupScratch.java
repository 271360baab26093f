package dev.lowbit.matrix.lookup;

/** What a thread needs for a domain, kept by it. */
final class LookupScratch {
    private static final ThreadLocal<LookupScratch> OF_THREAD = ThreadLocal.withInitial(LookupScratch::new);

    /** Smaller units cannot be divided by; what they would hold is far below a float sum's own rounding. */
    private static final float SMALLEST_UNIT = 0x1p-110f;

    /** The sums of a block. */
    final short[] sums = new short[LookupShape.BLOCK_ROWS];

    /** What index values of a domain are taken through. */
    byte[] tables = new byte[0];

    /** What 1 in a sum is worth. */
    float unit;

    /** What a sum of 0 is worth. */
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
     * @param one what an integer 1 is worth
     * @param zero what a sum of 0 is worth
     * @param steps that tables are counted in, for each unit
     * @return steps in one of the inputs' unit; 0 where the unit is too small to divide by, it is 0 then
     */
    float measure(float one, float zero, int steps) {
        boolean none = one < SMALLEST_UNIT;
        unit = none ? 0 : one;
        base = zero;
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
