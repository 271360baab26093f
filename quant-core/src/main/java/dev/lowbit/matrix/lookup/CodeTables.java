package dev.lowbit.matrix.lookup;

/** Tables for codes of 1 to 4 bits, each weight its own: an entry is the sum of the products of some columns. */
final class CodeTables implements LookupTables {
    private final int bits;
    private final float[] levels;
    private final float least;
    private final float most;

    /** @param values what codes stand for, 2^bits; copied */
    CodeTables(float[] values, LookupKernels kernels) {
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
    public void make(LookupKernels kernels, float[] x, int xFrom, int lookups, LookupScratch scratch) {
        // where halves of an index have tables, each stands for half of its columns
        int tables = kernels.halves() ? 2 * lookups : lookups;
        int span = Byte.SIZE / bits / (kernels.halves() ? 2 : 1);
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
        float perUnit = scratch.measure(widest * (most - least), lowest, LookupKernels.FRACTION);
        int entries = kernels.halves() ? LookupShape.HALF_TABLES / 2 : LookupShape.table(1 << span * bits);
        kernels.codeTables(x, xFrom, tables, span, entries, bits, levels, least, most, perUnit, scratch.tables);
    }
}
