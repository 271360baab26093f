package dev.lowbit.matrix.lookup;

/** What a representation hands over when it is made ready for lookups, row by row. Safe for use by several threads. */
public interface LookupSource {
    /**
     * The codes of a row, one in a byte: of each column, or of each tile's codebooks in turn.
     *
     * @param out modified
     */
    void codes(int row, byte[] out);

    /**
     * The scale of each group of a row.
     *
     * @param out modified
     */
    void scales(int row, float[] out);

    /** Whether weights are scale * value + offset. */
    default boolean hasOffsets() {
        return false;
    }

    /**
     * The offset of each group of a row, where there are any.
     *
     * @param out modified
     */
    default void offsets(int row, float[] out) {
        throw new UnsupportedOperationException("there are no offsets");
    }
}
