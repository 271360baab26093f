package dev.lowbit.matrix;

/** How products are computed. */
public enum Accuracy {
    /** Float inputs and float sums in a fixed order: the same bits on every machine. The default everywhere. */
    EXACT,

    /**
     * What is quickest within a stated error ({@link dev.lowbit.matrix.lookup.LookupMatrix}), where the representation and the machine have such a
     * form; exact elsewhere. Never for what decides bytes.
     */
    FAST
}
