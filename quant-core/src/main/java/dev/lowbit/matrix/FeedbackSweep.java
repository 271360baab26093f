package dev.lowbit.matrix;

import dev.lowbit.importance.Hessian;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Chooses codes so that errors cancel out in the layer's outputs: the sweep of GPTQ (arXiv 2210.17323; the same as Babai's nearest
 * plane), for any representation whose rows are independent. With R the factor of the Hessian and d = w - ŵ of one row, the objective is
 *
 * <pre>
 *   ||d R||² = sum_k (a_k + d_k R_kk)²,   a_k = sum_{j &lt; k} d_j R_jk
 * </pre>
 *
 * <p>so from left to right column k takes the code nearest to w_k + a_k / R_kk. This needs no inverse, unlike GPTQ's own form, whose
 * Cholesky factor of H⁻¹ is R⁻¹. Columns are decided in panels; what a code stands for, and the scales of a panel, are the business of
 * a {@link Decider}.
 *
 * <p>Sums over the columns before a panel run through {@link Gemm} and those in it through fused multiply-adds, so the bits do not
 * depend on the workers.
 */
public final class FeedbackSweep {
    /** Rows of a task: a multiple of 8, so that their codes start at a whole byte. */
    public static final int ROWS_PER_TASK = 64;

    private final FloatMatrix weights;
    private final FloatMatrix factor;
    private final float[] outputs;
    private final int panel;
    private final Decider decider;
    private final FloatMatrix residual;

    private FeedbackSweep(
            FloatMatrix weights,
            FloatMatrix factor,
            float[] outputs,
            int panel,
            Decider decider,
            FloatMatrix residual) {
        this.weights = weights;
        this.factor = factor;
        this.outputs = outputs;
        this.panel = panel;
        this.decider = decider;
        this.residual = residual;
    }

    /** What a representation knows about its codes. Called from many threads, for different rows. */
    public interface Decider {
        /**
         * Decides the codes of one row in a panel.
         *
         * @param row of the matrix
         * @param column first column of the panel
         * @param width columns of the panel
         * @param weights w, the panel's from {@code offset} on; not modified
         * @param carried a of each column of the panel from the columns before it; modified
         * @param triangle R of the panel, width x width row-major; not modified
         * @param codes one per weight, from {@code offset} on; modified
         * @param differences d of each column of the panel; modified (overwritten)
         * @return the panel's part of ||d R||²
         */
        double decide(
                int row,
                int column,
                int width,
                float[] weights,
                int offset,
                float[] carried,
                float[] triangle,
                byte[] codes,
                float[] differences);

        /**
         * Takes the codes of finished rows.
         *
         * @param firstRow a multiple of {@link #ROWS_PER_TASK}
         * @param codes one per weight; not modified
         */
        void store(int firstRow, byte[] codes);
    }

    /**
     * Sweeps over all rows.
     *
     * @param weights rows x columns; not modified unless it is {@code residual}
     * @param panel columns that are decided between two products
     * @param residual rows x columns; modified (overwritten by weights - Ŵ); null when it is not wanted
     * @return the objective: each row's ||d R||² times what the square of an error of its output costs
     */
    public static double sweep(
            FloatMatrix weights, Hessian hessian, int panel, Decider decider, FloatMatrix residual, Workers workers) {
        return sweep(weights, hessian.factor(), hessian.outputs(), panel, decider, residual, workers);
    }

    /**
     * Sweeps over all rows.
     *
     * @param weights rows x columns; not modified unless it is {@code residual}
     * @param factor R, columns x columns, upper triangular; not modified
     * @param outputs what the square of an error of each output costs; not modified
     * @param panel columns that are decided between two products
     * @param residual rows x columns; modified (overwritten by weights - Ŵ); null when it is not wanted
     * @return the objective: each row's ||d R||² times what the square of an error of its output costs
     */
    public static double sweep(
            FloatMatrix weights,
            FloatMatrix factor,
            float[] outputs,
            int panel,
            Decider decider,
            FloatMatrix residual,
            Workers workers) {
        FeedbackSweep sweep = new FeedbackSweep(weights, factor, outputs, panel, decider, residual);
        double[] errors = new double[Math.ceilDiv(weights.rows(), ROWS_PER_TASK)];
        workers.forEach(errors.length, task -> {
            int from = task * ROWS_PER_TASK;
            Rows rows = sweep.new Rows(from, Math.min(ROWS_PER_TASK, weights.rows() - from));
            errors[task] = rows.sweep();
            rows.store();
        });
        double error = 0;
        for (double part : errors) {
            error += part;
        }
        return error;
    }

    /**
     * For deciders: records the error of column k, carries it to the columns of the panel behind it and gives the column's part of ||d R||².
     *
     * @param carried modified
     * @param differences modified
     */
    public static double decided(
            int k, int width, float difference, float[] carried, float[] triangle, float[] differences) {
        double term = Math.fma(difference, triangle[k * width + k], carried[k]);
        differences[k] = difference;
        for (int j = k + 1; j < width; j++) {
            carried[j] = Math.fma(difference, triangle[k * width + j], carried[j]);
        }
        return term * term;
    }

    /** Some rows of the matrix, which one thread works on. */
    private final class Rows {
        private final int from;
        private final int count;
        private final int columns = weights.columns();
        private final float[] values;
        private final byte[] codes;
        /** d, transposed: columns x count. */
        private final float[] differences;

        Rows(int from, int count) {
            this.from = from;
            this.count = count;
            this.values = weights.rows(from, count).toArray();
            this.codes = new byte[values.length];
            this.differences = new float[columns * count];
        }

        double sweep() {
            double[] errors = new double[count];
            for (int start = 0; start < columns; start += panel) {
                int width = Math.min(panel, columns - start);
                float[] triangle = triangle(start, width);
                float[] sums = sums(start, width);
                float[] carried = new float[width];
                float[] decided = new float[width];
                for (int row = 0; row < count; row++) {
                    for (int k = 0; k < width; k++) {
                        carried[k] = sums[k * count + row];
                    }
                    int at = row * columns + start;
                    errors[row] +=
                            decider.decide(from + row, start, width, values, at, carried, triangle, codes, decided);
                    for (int k = 0; k < width; k++) {
                        differences[(start + k) * count + row] = decided[k];
                    }
                }
            }
            double error = 0;
            for (int row = 0; row < count; row++) {
                error += outputs[from + row] * errors[row];
            }
            return error;
        }

        /** R of a panel with itself, width x width. */
        private float[] triangle(int start, int width) {
            float[] triangle = new float[width * width];
            for (int j = 0; j < width; j++) {
                copyFactor(start + j, start, width, triangle, j * width);
            }
            return triangle;
        }

        private void copyFactor(int row, int column, int width, float[] into, int offset) {
            long at = ((long) row * columns + column) * Float.BYTES;
            MemorySegment.copy(factor.segment(), ValueLayout.JAVA_FLOAT, at, into, offset, width);
        }

        /** a of the columns of a panel from all columns before it: width x count. */
        private float[] sums(int start, int width) {
            float[] sums = new float[width * count];
            if (start > 0) {
                float[] above = new float[start * width];
                for (int j = 0; j < start; j++) {
                    copyFactor(j, start, width, above, j * width);
                }
                Gemm.multiply(
                        FloatMatrix.wrap(start, width, above),
                        true,
                        FloatMatrix.wrap(columns, count, differences).rows(0, start),
                        false,
                        FloatMatrix.wrap(width, count, sums),
                        Gemm.Mode.SET,
                        Workers.serial());
            }
            return sums;
        }

        void store() {
            decider.store(from, codes);
            if (residual != null) {
                float[] row = new float[columns];
                for (int i = 0; i < count; i++) {
                    for (int j = 0; j < columns; j++) {
                        row[j] = differences[j * count + i];
                    }
                    residual.rows(from + i, 1).copyFrom(FloatMatrix.wrap(1, columns, row));
                }
            }
        }
    }
}
