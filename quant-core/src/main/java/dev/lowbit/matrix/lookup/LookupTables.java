package dev.lowbit.matrix.lookup;

/** What index bytes stand for with the inputs of a token: tables of bytes in a unit of each domain's own. Immutable. */
interface LookupTables {
    /**
     * Makes the tables of a domain.
     *
     * @param kernels that compute
     * @param x the domain's inputs from {@code xFrom} on, whole spans filled up with zeros; not modified
     * @param lookups index bytes of the domain
     * @param scratch its tables, unit and base are what is made; modified
     */
    void make(LookupKernels kernels, float[] x, int xFrom, int lookups, LookupScratch scratch);
}
