package dev.lowbit.sketchtune;

import dev.lowbit.tensor.FloatMatrix;

/** The sweep as the specification writes it: errors spread by the rows of U, UᵀU = H⁻¹, in double and without blocks. */
final class SweepReference {
    private SweepReference() {}

    /**
     * Sets all codes.
     *
     * @return Σ E²
     */
    static double sweep(FloatMatrix weights, Curvature curvature, Sketch sketch) {
        int n = weights.columns();
        int[] order = curvature.order();
        double[][] upper = upperOfInverse(curvature, n);
        double error = 0;
        for (int i = 0; i < weights.rows(); i++) {
            double[] w = new double[n];
            for (int place = 0; place < n; place++) {
                w[place] = weights.get(i, order[place]);
            }
            for (int place = 0; place < n; place++) {
                int table = i * sketch.rowEntries() + sketch.table(order[place]);
                byte code = Sketch.nearest(sketch.tables(), table, sketch.entries(), w[place]);
                sketch.codes()[i * n + order[place]] = code;
                double e = (w[place] - sketch.tables()[table + code]) / upper[place][place];
                error += e * e;
                for (int l = place; l < n; l++) {
                    w[l] -= e * upper[place][l];
                }
            }
        }
        return error;
    }

    /** Gauss-Jordan for H⁻¹ in the order of the sweep, then its Cholesky factor. */
    private static double[][] upperOfInverse(Curvature curvature, int n) {
        double[][] a = new double[n][2 * n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                a[i][j] = curvature.matrix().get(curvature.order()[i], curvature.order()[j]);
            }
            a[i][n + i] = 1;
        }
        for (int c = 0; c < n; c++) {
            double pivot = a[c][c];
            for (int j = 0; j < 2 * n; j++) {
                a[c][j] /= pivot;
            }
            for (int i = 0; i < n; i++) {
                double factor = a[i][c];
                for (int j = 0; i != c && j < 2 * n; j++) {
                    a[i][j] -= factor * a[c][j];
                }
            }
        }
        double[][] upper = new double[n][n];
        for (int i = 0; i < n; i++) {
            for (int j = i; j < n; j++) {
                double sum = a[i][n + j];
                for (int k = 0; k < i; k++) {
                    sum -= upper[k][i] * upper[k][j];
                }
                upper[i][j] = i == j ? Math.sqrt(sum) : sum / upper[i][i];
            }
        }
        return upper;
    }
}
