package dev.lowbit.int2lrec;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.DoubleGemm;
import dev.lowbit.tensor.FloatMatrix;

/**
 * The error of a layer, ε = ||X Δᵀ||² = tr(Δ XᵀX Δᵀ), in double: d_i XᵀX d_iᵀ for every row d_i of Δ. XᵀX being symmetric, what lies right of
 * a strip of {@value #STRIP} columns counts twice and what lies left of it not at all: half the m n² multiply-adds.
 */
public final class LayerError {
    /** Columns of a strip; part of the definition of the result. */
    private static final int STRIP = 96;

    private static final int ROWS_PER_TASK = 48;

    private LayerError() {}

    /**
     * The error of every output, whose sum is ε.
     *
     * @param difference Δ, m x n; not modified
     * @return m sums
     */
    public static double[] ofRows(FloatMatrix difference, SecondMoment moment, Workers workers) {
        int m = difference.rows();
        int n = difference.columns();
        requireColumns(n, moment);
        double[] sums = new double[m];
        workers.forEach(Math.ceilDiv(m, ROWS_PER_TASK), task -> {
            int from = task * ROWS_PER_TASK;
            int count = Math.min(ROWS_PER_TASK, m - from);
            float[] floats = difference.rows(from, count).toArray();
            double[] rows = new double[floats.length];
            for (int i = 0; i < rows.length; i++) {
                rows[i] = floats[i];
            }
            addRows(rows, count, moment, sums, from);
        });
        return sums;
    }

    /** ε of Δ (m x n; not modified). */
    public static double of(FloatMatrix difference, SecondMoment moment, Workers workers) {
        double sum = 0;
        for (double row : ofRows(difference, moment, workers)) {
            sum += row;
        }
        return sum;
    }

    static void requireColumns(int n, SecondMoment moment) {
        if (n != moment.n()) {
            throw new IllegalArgumentException(
                    "a matrix of " + n + " columns and inputs of " + moment.n() + " do not belong together");
        }
    }

    /** Adds the errors of {@code count} rows (not modified) to {@code sums} from {@code at} on (modified). */
    static void addRows(double[] rows, int count, SecondMoment moment, double[] sums, int at) {
        int n = moment.n();
        DoubleGemm.Source moments = DoubleGemm.of(moment.values(), n);
        for (int start = 0; start < n; start += STRIP) {
            int first = start;
            int width = Math.min(STRIP, n - start);
            DoubleGemm.multiply(
                    (row, column, height, depth, out, stride) -> {
                        for (int i = 0; i < height; i++) {
                            int from = (row + i) * n + first + column;
                            for (int j = 0; j < depth; j++) {
                                out[i * stride + j] = column + j < width ? rows[from + j] : 2 * rows[from + j];
                            }
                        }
                    },
                    count,
                    (row, column, depth, lanes, out, stride) ->
                            moments.load(first + row, first + column, depth, lanes, out, stride),
                    width,
                    n - start,
                    DoubleGemm.Part.ALL,
                    (row, column, height, lanes, block, stride) -> {
                        for (int i = 0; i < height; i++) {
                            double sum = 0;
                            for (int j = 0; j < lanes; j++) {
                                sum += block[i * stride + j] * rows[(row + i) * n + first + column + j];
                            }
                            sums[at + row + i] += sum;
                        }
                    },
                    Workers.serial());
        }
    }
}
