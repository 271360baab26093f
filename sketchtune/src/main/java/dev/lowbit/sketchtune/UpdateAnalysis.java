package dev.lowbit.sketchtune;

import dev.lowbit.linalg.ExactSvd;
import dev.lowbit.matrix.sketch.SketchMatrix;
import dev.lowbit.tensor.FloatMatrix;

/**
 * How much of an update of the weights Δ (m x n) two ways of fine-tuning can hold that have the same number of parameters: the tables of a sketch with its
 * codes frozen, k G in a row, and a low-rank term of rank r, r (m + n). Of row δ a sketch holds at most the piecewise constant part, Σ_c (Σ_{j in c}
 * δ_j)² / n_c over the sets of columns c that share an entry; rank r holds at most σ₁² + ... + σ_r².
 *
 * @param sketch share of ||Δ||² that the tables hold
 * @param lowRank share of ||Δ||² that the factors hold
 * @param rank r: the largest with no more parameters than the tables, at most min(m, n)
 */
public record UpdateAnalysis(double sketch, double lowRank, int rank) {
    /**
     * Compares both for one matrix.
     *
     * @param update Δ, m x n; not modified
     * @param codes a sketch of the matrix that is updated; of its tables only the number counts
     */
    public static UpdateAnalysis of(FloatMatrix update, SketchMatrix codes) {
        int rows = update.rows();
        int columns = update.columns();
        if (codes.rows() != rows || codes.columns() != columns) {
            throw new IllegalArgumentException("an update of " + rows + " x " + columns + " for a sketch of "
                    + codes.rows() + " x " + codes.columns());
        }
        long parameters = (long) rows
                * codes.sketchFormat().groups()
                * codes.sketchFormat().entries();
        int rank = (int) Math.min(parameters / (rows + columns), Math.min(rows, columns));
        return of(update, codes, rank);
    }

    /** The same beside another rank. */
    public static UpdateAnalysis of(FloatMatrix update, SketchMatrix codes, int rank) {
        double[] singular = ExactSvd.of(update).singularValues();
        double energy = 0;
        double leading = 0;
        for (int i = 0; i < singular.length; i++) {
            energy += singular[i] * singular[i];
            leading += i < rank ? singular[i] * singular[i] : 0;
        }
        return energy == 0
                ? new UpdateAnalysis(1, 1, rank)
                : new UpdateAnalysis(Math.min(1, piecewiseConstant(update, codes) / energy), leading / energy, rank);
    }

    private static double piecewiseConstant(FloatMatrix update, SketchMatrix matrix) {
        byte[] codes = matrix.codes();
        int columns = update.columns();
        int width = columns / matrix.sketchFormat().groups();
        int entries = matrix.sketchFormat().entries();
        double held = 0;
        for (int i = 0; i < update.rows(); i++) {
            double[] sums = new double[matrix.sketchFormat().groups() * entries];
            int[] counts = new int[sums.length];
            for (int j = 0; j < columns; j++) {
                int entry = j / width * entries + codes[i * columns + j];
                sums[entry] += update.get(i, j);
                counts[entry]++;
            }
            for (int e = 0; e < sums.length; e++) {
                held += counts[e] == 0 ? 0 : sums[e] * sums[e] / counts[e];
            }
        }
        return held;
    }
}
