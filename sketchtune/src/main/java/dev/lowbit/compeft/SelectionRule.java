package dev.lowbit.compeft;

/** How many entries of largest magnitude are kept. The order is that of the file format. */
public enum SelectionRule {
    /** d k rounded half up; of equal magnitudes at the threshold the first. */
    EXACT_COUNT,

    /** As the authors' code: all from the (d - floor(d k))-th smallest magnitude on, hence one more than d k, and all ties. */
    ORIGINAL
}
