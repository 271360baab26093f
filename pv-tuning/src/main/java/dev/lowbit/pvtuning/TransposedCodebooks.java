package dev.lowbit.pvtuning;

/**
 * Codebooks with their codewords side by side, so that the distances from one vector to all M codewords are plain loops over codewords,
 * which compile to vector code.
 */
final class TransposedCodebooks {
    private final int entries;
    private final int size;
    private final double[] columns;
    private final double[] norms;

    /** A copy of the present codewords: K x tile x M, and their squared norms, K x M. */
    TransposedCodebooks(AdditiveWeights weights) {
        entries = weights.entries();
        size = weights.tiling().tileSize();
        columns = new double[weights.codewords().length];
        norms = new double[weights.codebooks() * entries];
        for (int m = 0; m < weights.codebooks(); m++) {
            for (int k = 0; k < entries; k++) {
                for (int i = 0; i < size; i++) {
                    double value = weights.codewords()[weights.at(m, k) + i];
                    columns[(m * size + i) * entries + k] = value;
                    norms[m * entries + k] += value * value;
                }
            }
        }
    }

    /**
     * ||c||² - 2 &lt;r, c&gt; of every codeword c of a codebook, which is ||r - c||² without ||r||².
     *
     * @param residual r; not modified
     * @param out M; modified
     */
    void scores(int codebook, double[] residual, double[] out) {
        System.arraycopy(norms, codebook * entries, out, 0, entries);
        for (int i = 0; i < size; i++) {
            double twice = 2 * residual[i];
            int from = (codebook * size + i) * entries;
            for (int k = 0; k < entries; k++) {
                out[k] -= twice * columns[from + k];
            }
        }
    }
}
