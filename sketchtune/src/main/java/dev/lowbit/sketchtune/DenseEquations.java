package dev.lowbit.sketchtune;

import dev.lowbit.linalg.Cholesky;
import java.util.Arrays;

/**
 * Equations of weights whose errors may cancel out.
 *
 * @param a A, (G k) x (G k); not modified
 * @param b as many values; not modified
 */
record DenseEquations(double[] a, double[] b) implements RowEquations {
    @Override
    public double diagonal(int entry) {
        return a[entry * (b.length + 1)];
    }

    @Override
    public double residual(int entry, double[] z) {
        double rest = b[entry];
        for (int f = 0; f < b.length; f++) {
            rest -= a[entry * b.length + f] * z[f];
        }
        return rest;
    }

    @Override
    public void solve(double[] tables, int offset) {
        int[] used = used();
        double[] system = new double[used.length * used.length];
        double[] right = new double[used.length];
        for (int e = 0; e < used.length; e++) {
            right[e] = b[used[e]];
            for (int f = 0; f < used.length; f++) {
                system[e * used.length + f] = a[used[e] * b.length + used[f]];
            }
        }
        if (Cholesky.of(system, used.length) instanceof Cholesky cholesky) {
            cholesky.solve(right);
            for (int e = 0; e < used.length; e++) {
                tables[offset + used[e]] = right[e];
            }
        }
    }

    private int[] used() {
        int[] used = new int[b.length];
        int count = 0;
        for (int e = 0; e < b.length; e++) {
            if (diagonal(e) > 0) {
                used[count++] = e;
            }
        }
        return Arrays.copyOf(used, count);
    }
}
