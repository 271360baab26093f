package dev.lowbit.matrix.lookup;

/** What index values stand for with the inputs of a token, as integers in a unit of each domain's own. Immutable. */
interface LookupTables {
    /** Bytes for each lookup. */
    int table();

    /** Bytes for a domain of so many lookups. */
    default int bytes(int lookups) {
        return lookups * table();
    }

    /**
     * Makes the tables of a domain.
     *
     * @param x the domain's inputs from {@code xFrom} on, whole spans filled up with zeros; not modified
     * @param lookups index values of a row in the domain
     * @param scratch its tables, unit and base are what is made; modified
     */
    void make(float[] x, int xFrom, int lookups, LookupScratch scratch);
}
