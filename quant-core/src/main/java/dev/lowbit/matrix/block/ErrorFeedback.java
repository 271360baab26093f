package dev.lowbit.matrix.block;

import dev.lowbit.codebook.Codebook;
import dev.lowbit.importance.Hessian;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Chooses codes so that errors cancel out in the layer's outputs: the sweep of GPTQ (arXiv 2210.17323; the same as Babai's nearest
 * plane), for any codebook and block scales. With R the factor of the Hessian and d = w - ŵ of one row, the objective is
 *
 * <pre>
 *   ||d R||² = sum_k (a_k + d_k R_kk)²,   a_k = sum_{j &lt; k} d_j R_jk
 * </pre>
 *
 * <p>so from left to right column k takes the code nearest to w_k + a_k / R_kk. This needs no inverse, unlike GPTQ's own form, whose
 * Cholesky factor of H⁻¹ is R⁻¹.
 *
 * <p>Where blocks start with rows and their scales are learned, each block also takes, of the scale codes around its present one, the one
 * under which its own part of the sum comes out smallest, feedback inside the block included.
 *
 * <p>Rows are independent; sums over the columns before run through {@link Gemm} up to the block and through fused multiply-adds in it, so the
 * bits do not depend on the workers.
 */
final class ErrorFeedback {
    /** Rows of a task: a multiple of 8, so that their codes start at a whole byte. */
    private static final int ROWS_PER_TASK = 64;

    /** Columns that are decided between two products, where blocks do not give another number. */
    private static final int PANEL = 64;

    private final FloatMatrix weights;
    private final FloatMatrix factor;
    private final float[] outputs;
    private final BlockFormat format;
    private final BlockGeometry geometry;
    private final EncodedScales scales;
    private final CodeTable table;
    private final boolean refines;
    private final int panel;
    private final byte[] scaleCodes;
    private final float[] scaleValues;

    private ErrorFeedback(
            FloatMatrix weights, Hessian hessian, BlockFormat format, EncodedScales scales, Codebook codebook) {
        this.weights = weights;
        this.factor = hessian.factor();
        this.outputs = hessian.outputs();
        this.format = format;
        this.geometry = format.geometry(weights.rows(), weights.columns());
        this.scales = scales;
        this.table = new CodeTable(codebook);
        boolean rowsStartBlocks = geometry.lines() > 1 || weights.columns() % format.groupSize() == 0;
        this.refines = rowsStartBlocks
                && format.codebook() == CodebookKind.LC
                && format.scales() instanceof ScaleFormat.TwoLevel;
        this.panel = refines ? Math.min(format.groupSize(), weights.columns()) : PANEL;
        this.scaleCodes = scales.codes().clone();
        this.scaleValues = scales.values().clone();
    }

    /**
     * What the sweep decided beside the codes.
     *
     * @param error the objective, in double
     */
    record Outcome(EncodedScales scales, double error) {}

    /**
     * Sweeps over all rows.
     *
     * @param weights rows x columns; not modified unless it is {@code residual}
     * @param scales where the search for scales starts; not modified
     * @param codes packed codes of the whole matrix; modified; null when they are not wanted
     * @param residual rows x columns; modified (overwritten by weights - Ŵ); null when it is not wanted
     */
    static Outcome sweep(
            FloatMatrix weights,
            Hessian hessian,
            BlockFormat format,
            EncodedScales scales,
            Codebook codebook,
            MemorySegment codes,
            FloatMatrix residual,
            Workers workers) {
        ErrorFeedback feedback = new ErrorFeedback(weights, hessian, format, scales, codebook);
        double[] errors = new double[Math.ceilDiv(weights.rows(), ROWS_PER_TASK)];
        workers.forEach(errors.length, task -> {
            int from = task * ROWS_PER_TASK;
            try (Rows rows = feedback.new Rows(from, Math.min(ROWS_PER_TASK, weights.rows() - from))) {
                errors[task] = rows.sweep();
                rows.store(codes, residual);
            }
        });
        double error = 0;
        for (double part : errors) {
            error += part;
        }
        EncodedScales chosen = feedback.refines
                ? new EncodedScales(feedback.scaleValues, feedback.scaleCodes, scales.superScales(), scales.offset())
                : scales;
        return new Outcome(chosen, error);
    }

    /** Some rows of the matrix, which one thread works on. */
    private final class Rows implements AutoCloseable {
        private final int from;
        private final int count;
        private final int columns = weights.columns();
        private final float[] values;
        private final byte[] codes;
        /** d, transposed: columns x count. */
        private final FloatMatrix differences;

        private final float[] candidates = new float[BlockKernels.LANES];
        private final float[] costs = new float[BlockKernels.LANES];

        Rows(int from, int count) {
            this.from = from;
            this.count = count;
            this.values = weights.rows(from, count).toArray();
            this.codes = new byte[values.length];
            this.differences = FloatMatrix.allocate(columns, count);
        }

        double sweep() {
            double[] errors = new double[count];
            for (int start = 0; start < columns; start += panel) {
                int width = Math.min(panel, columns - start);
                float[] triangle = triangle(start, width);
                float[] sums = sums(start, width);
                for (int row = 0; row < count; row++) {
                    errors[row] += decide(row, start, width, triangle, sums);
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
                        differences.rows(0, start),
                        false,
                        FloatMatrix.wrap(width, count, sums),
                        Gemm.Mode.SET,
                        Workers.serial());
            }
            return sums;
        }

        /** Decides the codes of one row in a panel; returns its part of ||d R||². */
        private double decide(int row, int start, int width, float[] triangle, float[] sums) {
            float[] carried = new float[width];
            for (int k = 0; k < width; k++) {
                carried[k] = sums[k * count + row];
            }
            int at = row * columns + start;
            long first = (long) from * columns + at;
            if (refines) {
                searchScale(geometry.blockOf(first), at, width, carried, triangle);
            }
            double cost = 0;
            for (int k = 0; k < width; k++) {
                float pivot = triangle[k * width + k];
                float scale = scaleValues[geometry.blockOf(first + k)];
                float weight = values[at + k];
                int code = scale == 0 ? table.zeroCode : table.code((weight + carried[k] / pivot) / scale);
                float difference = weight - table.values[code] * scale;
                double term = Math.fma(difference, pivot, carried[k]);
                cost += term * term;
                codes[at + k] = (byte) code;
                differences.set(start + k, row, difference);
                carry(difference, triangle, k * width, k + 1, width, carried);
            }
            return cost;
        }

        /** Gives a panel that is a block the best of the 16 scale codes around its present one, the lowest of equals. */
        private void searchScale(int block, int at, int width, float[] carried, float[] triangle) {
            ScaleFormat.TwoLevel two = (ScaleFormat.TwoLevel) format.scales();
            int last = (1 << two.codeBits()) - 1;
            int present = Byte.toUnsignedInt(scaleCodes[block]);
            int lowest = Math.clamp(present - BlockKernels.LANES / 2, 0, Math.max(0, last - BlockKernels.LANES + 1));
            float perCode = last / scales.superScales()[block / two.superGroup()];
            for (int lane = 0; lane < BlockKernels.LANES; lane++) {
                float scale = Math.min(lowest + lane, last) / perCode + scales.offset();
                candidates[lane] = Math.min(scale, Float.MAX_VALUE);
            }
            BlockKernels.get().feedbackCosts(values, at, width, carried, triangle, candidates, table, costs);
            int best = present - lowest;
            for (int lane = 0; lane < BlockKernels.LANES; lane++) {
                if (costs[lane] < costs[best] || costs[lane] == costs[best] && lane < best) {
                    best = lane;
                }
            }
            scaleCodes[block] = (byte) Math.min(lowest + best, last);
            scaleValues[block] = candidates[best];
        }

        void store(MemorySegment packedCodes, FloatMatrix residual) {
            if (packedCodes != null) {
                int bits = format.codeBits();
                byte[] packed = new byte[(int) BlockFormat.packedBytes(codes.length, bits)];
                BlockKernels.get().pack(codes, 0, codes.length, bits, packed, 0);
                long offset = (long) from * columns / Byte.SIZE * bits;
                MemorySegment.copy(packed, 0, packedCodes, ValueLayout.JAVA_BYTE, offset, packed.length);
            }
            if (residual != null) {
                float[] row = new float[columns];
                for (int i = 0; i < count; i++) {
                    for (int j = 0; j < columns; j++) {
                        row[j] = differences.get(j, i);
                    }
                    residual.rows(from + i, 1).copyFrom(FloatMatrix.wrap(1, columns, row));
                }
            }
        }

        private static void carry(float difference, float[] triangle, int row, int from, int to, float[] carried) {
            for (int j = from; j < to; j++) {
                carried[j] = Math.fma(difference, triangle[row + j], carried[j]);
            }
        }

        @Override
        public void close() {
            differences.close();
        }
    }
}
