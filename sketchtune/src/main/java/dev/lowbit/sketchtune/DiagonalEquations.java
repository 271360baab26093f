package dev.lowbit.sketchtune;

/**
 * Equations where no pairs of weights count: every entry on its own, best at the mean of its weights.
 *
 * @param a the diagonal of A, G k; not modified
 * @param b as many values; not modified
 */
record DiagonalEquations(double[] a, double[] b) implements RowEquations {
    @Override
    public double diagonal(int entry) {
        return a[entry];
    }

    @Override
    public double residual(int entry, double[] z) {
        return b[entry] - a[entry] * z[entry];
    }

    @Override
    public void solve(double[] tables, int offset) {
        for (int e = 0; e < b.length; e++) {
            if (a[e] > 0) {
                // as by a factor of A, so that a diagonal in full gives the same bits
                double root = Math.sqrt(a[e]);
                tables[offset + e] = b[e] / root / root;
            }
        }
    }
}
