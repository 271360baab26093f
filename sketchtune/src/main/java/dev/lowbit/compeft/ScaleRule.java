package dev.lowbit.compeft;

/** What the signs are multiplied with. The order is that of the file format. */
public enum ScaleRule {
    /** α σ, α tuned by the caller; for a single entry σ is its magnitude. */
    ALPHA_SIGMA,

    /** The mean magnitude of the kept entries, the least-squares optimum for the signs. */
    MEAN_MAGNITUDE
}
