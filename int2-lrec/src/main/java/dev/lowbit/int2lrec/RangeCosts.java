package dev.lowbit.int2lrec;

import dev.lowbit.kernel.KernelLookup;

/** What the search of {@link AffineGrid} compares: the costs of many grids for the same values at once. */
interface RangeCosts {
    /** The implementation in use, chosen once by {@link KernelLookup}. */
    static RangeCosts get() {
        return RangeCostsHolder.CHOSEN;
    }

    /**
     * {@code costs[c] = Σ_i |s_c (q_c(v_i) - z_c) - v_i|^2.4} for every candidate c, the terms in floats (relative error below 1e-6), the
     * sum in double, i
     * ascending.
     *
     * @param values v, of magnitudes up to 2; not modified
     * @param scales s, positive, a multiple of 16 of them; not modified
     * @param zeros z, 0 to 256; not modified
     * @param largest L
     * @param costs as long as scales; modified (overwritten)
     */
    void of(float[] values, float[] scales, float[] zeros, int largest, double[] costs);
}

/** Delays the choice until the first use. */
final class RangeCostsHolder {
    static final RangeCosts CHOSEN = KernelLookup.choose(ScalarRangeCosts::new, () -> new VectorRangeCosts());

    private RangeCostsHolder() {}
}
