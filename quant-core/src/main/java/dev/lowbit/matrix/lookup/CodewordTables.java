package dev.lowbit.matrix.lookup;

/** Tables for sums of codewords: an entry is the product of a codeword with the inputs of a tile. */
final class CodewordTables implements LookupTables {
    private final LookupKernels kernels;
    private final CodewordProducts source;
    private final int span;
    private final int codebooks;
    private final int entries;

    CodewordTables(LookupKernels kernels, CodewordProducts source, int span, int codebooks, int entries) {
        this.kernels = kernels;
        this.source = source;
        this.span = span;
        this.codebooks = codebooks;
        this.entries = entries;
    }

    @Override
    public int table() {
        return LookupShape.table(entries);
    }

    @Override
    public void make(float[] x, int xFrom, int lookups, LookupScratch scratch) {
        float[] products = scratch.products(lookups * (entries + 2));
        int leasts = lookups * entries;
        float[] bounds = scratch.bounds;
        float widest = 0;
        float lowest = 0;
        for (int tile = 0; tile < lookups / codebooks; tile++) {
            source.products(x, xFrom + tile * span, products, tile * codebooks * entries);
        }
        for (int lookup = 0; lookup < lookups; lookup++) {
            kernels.bounds(products, lookup * entries, entries, bounds);
            products[leasts + lookup] = bounds[0];
            lowest += bounds[0];
            widest = Math.max(widest, bounds[1] - bounds[0]);
        }
        float perUnit = scratch.measure(widest / LookupKernels.RANGE, lowest, 1);
        int size = table();
        for (int lookup = 0; lookup < lookups; lookup++) {
            kernels.quantize(
                    products,
                    lookup * entries,
                    entries,
                    products[leasts + lookup],
                    perUnit,
                    scratch.tables,
                    lookup * size);
        }
    }
}
