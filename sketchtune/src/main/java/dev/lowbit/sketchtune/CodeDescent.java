package dev.lowbit.sketchtune;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.tensor.FloatMatrix;

/**
 * Better codes for given tables: one after another, each weight takes the entry under which the row's error d H dᵀ is least while the others stay. With
 * p = d H, d = W - Ŵ, a change Δ of weight j adds Δ² H_jj - 2 Δ p_j, so the best entry is the one nearest to ŵ_j + p_j / H_jj; then p loses Δ H_j. No
 * accepted change raises the error.
 */
final class CodeDescent {
    /** A change has to gain this share of H_jj ŵ², so that rounding does not exchange equal ones for ever. */
    private static final double GAIN = 1e-6;

    private CodeDescent() {}

    /**
     * One pass over all columns of every row.
     *
     * @param weights W, m x n; not modified
     * @param curvature H; not modified
     * @param sketch its codes are modified
     * @return d H dᵀ of each row afterwards, up to the rounding of floats
     */
    static double[] apply(FloatMatrix weights, FloatMatrix curvature, Sketch sketch, Workers workers) {
        int n = sketch.columns();
        float[] h = curvature.toArray();
        int[] tables = sketch.tablesOfColumns();
        double[] errors = new double[sketch.rows()];
        try (FloatMatrix differences = FloatMatrix.allocate(sketch.rows(), n);
                FloatMatrix products = FloatMatrix.allocate(sketch.rows(), n)) {
            sketch.residual(weights, differences, workers);
            Gemm.multiply(differences, false, curvature, false, products, Gemm.Mode.SET, workers);
            workers.forEach(sketch.rows(), i -> {
                float[] d = differences.rows(i, 1).toArray();
                float[] p = products.rows(i, 1).toArray();
                errors[i] = row(sketch, tables, i, h, d, p);
            });
        }
        return errors;
    }

    private static double row(Sketch sketch, int[] tablesOfColumns, int row, float[] h, float[] d, float[] p) {
        int n = d.length;
        int first = row * sketch.rowEntries();
        double[] tables = sketch.tables();
        byte[] codes = sketch.codes();
        for (int j = 0; j < n; j++) {
            int table = first + tablesOfColumns[j];
            int at = row * n + j;
            double diagonal = h[j * n + j];
            double now = tables[table + codes[at]];
            byte best = Sketch.nearest(tables, table, sketch.entries(), now + p[j] / diagonal);
            double change = tables[table + best] - now;
            if (best != codes[at] && change * change * diagonal - 2 * change * p[j] < -GAIN * diagonal * now * now) {
                codes[at] = best;
                d[j] -= (float) change;
                subtract(h, j * n, (float) change, p);
            }
        }
        double error = 0;
        for (int j = 0; j < n; j++) {
            error += (double) d[j] * p[j];
        }
        return error;
    }

    private static void subtract(float[] h, int from, float factor, float[] p) {
        for (int l = 0; l < p.length; l++) {
            p[l] -= factor * h[from + l];
        }
    }
}
