package dev.lowbit.lqlora;

/** How a Fisher matrix F, which has no exact weighted SVD, is reduced to row and column weights (spec: paper section 3.4). */
public enum FisherHeuristic {
    /** The low-rank step ignores F; only the error counts it. */
    NONE,
    /** Row weights only. */
    ROW,
    /** Column weights only. */
    COLUMN,
    /** Both; exact when F is an outer product. The default of the paper and of Lowbit. */
    TWO_SIDED
}
