package dev.lowbit.compeft;

/** What shares a threshold and a scale. The order is that of the file format. */
public enum Granularity {
    /** The whole update, as in the paper. */
    GLOBAL,

    /** Every tensor has its own. */
    PER_TENSOR
}
