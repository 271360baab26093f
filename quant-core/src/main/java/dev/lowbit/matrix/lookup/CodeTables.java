package dev.lowbit.matrix.lookup;

/** Tables for codes of 1 to 4 bits, each weight its own: an entry is the sum of the products of some columns. */
final class CodeTables implements LookupTables {
    private final LookupKernels kernels;
    private final int bits;
    private final float[] levels;
    private final float least;
    private final float most;

    /** @param values what codes stand for, 2^bits; copied */
    CodeTables(LookupKernels kernels, float[] values) {
        this.kernels = kernels;
        this.bits = Integer.numberOfTrailingZeros(values.length);
        this.levels = kernels.levels(values, bits);
        float smallest = values[0];
        float largest = values[0];
        for (float value : values) {
            smallest = Math.min(smallest, value);
            largest = Math.max(largest, value);
        }
        this.least = smallest;
        this.most = largest;
    }

    @Override
    public int table() {
        return kernels.halves() ? LookupShape.HALF_TABLES : LookupShape.table(1 << Byte.SIZE / bits * bits);
    }

    @Override
    public void make(float[] x, int xFrom, int lookups, LookupScratch scratch) {
        // where halves of an index have tables, each stands for half of its columns
        int ofLookup = kernels.halves() ? 2 : 1;
        int tables = ofLookup * lookups;
        int span = Byte.SIZE / bits / ofLookup;
        float widest = 0;
        float lowest = 0;
        for (int from = xFrom; from < xFrom + tables * span; from += span) {
            float magnitude = 0;
            for (int i = from; i < from + span; i++) {
                magnitude += Math.abs(x[i]);
                lowest += Math.min(x[i] * least, x[i] * most);
            }
            widest = Math.max(widest, magnitude);
        }
        float perUnit = scratch.measure(widest * (most - least) / LookupKernels.RANGE, lowest, LookupKernels.FRACTION);
        int entries = table() / ofLookup;
        kernels.codeTables(x, xFrom, tables, span, entries, bits, levels, least, most, perUnit, scratch.tables);
    }
}
