package dev.lowbit.matrix.lookup;

/** Tables for codes of 1 to 4 bits, each weight its own: an entry is the sum of the products of some columns. */
final class CodeTables implements LookupTables {
    /** Levels that a kernel reads. */
    private static final int LEVELS = 16;

    private final int bits;
    private final float[] levels;
    private final float least;
    private final float most;

    /** @param values what codes stand for, 2^bits; copied */
    CodeTables(float[] values) {
        this.bits = Integer.numberOfTrailingZeros(values.length);
        this.levels = new float[LEVELS];
        float smallest = values[0];
        float largest = values[0];
        for (int i = 0; i < LEVELS; i++) {
            levels[i] = values[i % values.length];
            smallest = Math.min(smallest, levels[i]);
            largest = Math.max(largest, levels[i]);
        }
        this.least = smallest;
        this.most = largest;
    }

    @Override
    public void make(LookupKernels kernels, float[] x, int xFrom, int lookups, LookupScratch scratch) {
        int span = Byte.SIZE / bits;
        float widest = 0;
        float lowest = 0;
        for (int from = xFrom; from < xFrom + lookups * span; from += span) {
            float magnitude = 0;
            for (int i = from; i < from + span; i++) {
                magnitude += Math.abs(x[i]);
                lowest += Math.min(x[i] * least, x[i] * most);
            }
            widest = Math.max(widest, magnitude);
        }
        float perUnit = scratch.measure(widest * (most - least), lowest, LookupKernels.FRACTION);
        kernels.codeTables(x, xFrom, lookups, bits, levels, least, most, perUnit, scratch.tables);
    }
}
