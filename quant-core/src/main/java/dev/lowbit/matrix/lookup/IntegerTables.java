package dev.lowbit.matrix.lookup;

/** Inputs of 8 bits with a unit of each domain's own, for codes that stand for integers. */
final class IntegerTables implements LookupTables {
    private final IntegerKernels kernels;
    private final int span;
    private final int middle;

    /**
     * @param span columns of a word
     * @param middle m of {@link IntegerKernels}, codes go up to 2 m - 1
     */
    IntegerTables(IntegerKernels kernels, int span, int middle) {
        this.kernels = kernels;
        this.span = span;
        this.middle = middle;
    }

    @Override
    public int bytes(int lookups) {
        return kernels.head() + lookups * kernels.table();
    }

    @Override
    public int table() {
        return kernels.table();
    }

    @Override
    public void make(float[] x, int xFrom, int lookups, LookupScratch scratch) {
        float most = 0;
        for (int i = xFrom; i < xFrom + lookups * span; i++) {
            most = Math.max(most, Math.abs(x[i]));
        }
        float one = most / IntegerKernels.MOST;
        float perUnit = scratch.measure(one, 0, 1);
        scratch.base = -IntegerKernels.MIDDLE * scratch.unit;
        kernels.tables(x, xFrom, lookups, perUnit, middle, scratch.tables);
    }
}
