package dev.lowbit.pvtuning;

import dev.lowbit.kernel.KernelLookup;

/** Dense search of a codebook: what k-means assigns by and beam search scores by. Gains are those of {@link CodewordLanes}, bit for bit. */
interface CodewordSearch {
    /** The implementation in use, chosen once by {@link KernelLookup}. */
    static CodewordSearch get() {
        return CodewordSearchHolder.CHOSEN;
    }

    /**
     * The codeword of the largest gain for each point; of equal ones the first.
     *
     * @param points one after the other from {@code from} points on, each as long as a codeword, finite; not modified
     * @param codes entries {@code from} to {@code from + count - 1} are overwritten
     */
    void best(double[] points, int from, int count, CodewordLanes book, int[] codes);

    /**
     * The gains of all codewords for one point.
     *
     * @param at where in {@code points} it starts
     * @param gains at least as long as the stride of the lanes; modified (overwritten)
     */
    void gains(double[] points, int at, CodewordLanes book, double[] gains);

    /**
     * The first k from {@code from} on with base - factor (gains[k] - reference) below a limit, or {@code end}.
     *
     * @param gains not modified
     */
    int firstBelow(double limit, double base, double factor, double reference, double[] gains, int from, int end);

    /**
     * to[j] += Σ_i factors[i] rows[i][j], a chain of fused multiply-adds for each j, i ascending.
     *
     * @param factors {@code count} of them from {@code factorsAt} on; not modified
     * @param rows row i begins at {@code rowsAt + i stride}; not modified
     * @param to {@code length} values from {@code at} on are modified
     */
    void addCombination(
            double[] factors,
            int factorsAt,
            int count,
            double[] rows,
            int rowsAt,
            int stride,
            double[] to,
            int at,
            int length);
}

/** Delays the choice until the first use. */
final class CodewordSearchHolder {
    static final CodewordSearch CHOSEN =
            KernelLookup.choose(ScalarCodewordSearch::new, () -> new VectorCodewordSearch());

    private CodewordSearchHolder() {}
}
