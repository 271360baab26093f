package dev.lowbit.matrix.block;

import dev.lowbit.codebook.Codebook;
import dev.lowbit.importance.Hessian;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.FeedbackSweep;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.packed.Packing;
import dev.lowbit.matrix.scale.EncodedScales;
import dev.lowbit.matrix.scale.ScaleFormat;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Error feedback for block matrices: {@link FeedbackSweep} with any codebook. Where blocks start with rows and their scales are
 * learned, each block also takes, of the scale codes around its present one, the one under which its own part of the sum comes out
 * smallest, feedback inside the block included.
 */
final class ErrorFeedback implements FeedbackSweep.Decider {
    /** Columns that are decided between two products, where blocks do not give another number. */
    private static final int PANEL = 64;

    private final int columns;
    private final BlockFormat format;
    private final BlockGeometry geometry;
    private final EncodedScales scales;
    private final CodeTable table;
    private final boolean refines;
    private final byte[] scaleCodes;
    private final float[] scaleValues;
    private final MemorySegment packedCodes;

    private ErrorFeedback(
            int rows,
            int columns,
            BlockFormat format,
            EncodedScales scales,
            Codebook codebook,
            MemorySegment packedCodes) {
        this.columns = columns;
        this.format = format;
        this.geometry = format.geometry(rows, columns);
        this.scales = scales;
        this.table = new CodeTable(codebook);
        boolean rowsStartBlocks = geometry.lines() > 1 || columns % format.groupSize() == 0;
        this.refines = rowsStartBlocks
                && format.codebook() == CodebookKind.LC
                && format.scales() instanceof ScaleFormat.TwoLevel;
        this.scaleCodes = scales.codes().clone();
        this.scaleValues = scales.values().clone();
        this.packedCodes = packedCodes;
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
        ErrorFeedback feedback = new ErrorFeedback(weights.rows(), weights.columns(), format, scales, codebook, codes);
        int panel = feedback.refines ? Math.min(format.groupSize(), weights.columns()) : PANEL;
        double error = FeedbackSweep.sweep(weights, hessian, panel, feedback, residual, workers);
        EncodedScales chosen = feedback.refines
                ? new EncodedScales(feedback.scaleValues, feedback.scaleCodes, scales.superScales(), scales.offset())
                : scales;
        return new Outcome(chosen, error);
    }

    @Override
    public double decide(
            int row,
            int column,
            int width,
            float[] weights,
            int offset,
            float[] carried,
            float[] triangle,
            byte[] codes,
            float[] differences) {
        long first = (long) row * columns + column;
        if (refines) {
            searchScale(geometry.blockOf(first), weights, offset, width, carried, triangle);
        }
        double cost = 0;
        for (int k = 0; k < width; k++) {
            float scale = scaleValues[geometry.blockOf(first + k)];
            float weight = weights[offset + k];
            int code =
                    scale == 0 ? table.zeroCode : table.code((weight + carried[k] / triangle[k * width + k]) / scale);
            codes[offset + k] = (byte) code;
            float difference = weight - table.values[code] * scale;
            cost += FeedbackSweep.decided(k, width, difference, carried, triangle, differences);
        }
        return cost;
    }

    /** Gives a panel that is a block the best of the 16 scale codes around its present one, the lowest of equals. */
    private void searchScale(int block, float[] weights, int offset, int width, float[] carried, float[] triangle) {
        ScaleFormat.TwoLevel two = (ScaleFormat.TwoLevel) format.scales();
        int last = (1 << two.codeBits()) - 1;
        int present = Byte.toUnsignedInt(scaleCodes[block]);
        float[] candidates = new float[BlockKernels.LANES];
        float[] costs = new float[BlockKernels.LANES];
        int lowest = two.around(present, scales.superScales()[block / two.superGroup()], scales.offset(), candidates);
        BlockKernels.get().feedbackCosts(weights, offset, width, carried, triangle, candidates, table, costs);
        int best = present - lowest;
        for (int lane = 0; lane < BlockKernels.LANES; lane++) {
            if (costs[lane] < costs[best] || costs[lane] == costs[best] && lane < best) {
                best = lane;
            }
        }
        scaleCodes[block] = (byte) Math.min(lowest + best, last);
        scaleValues[block] = candidates[best];
    }

    @Override
    public void store(int firstRow, byte[] codes) {
        if (packedCodes != null) {
            int bits = format.codeBits();
            byte[] packed = new byte[(int) PackedCodes.bytes(codes.length, bits)];
            Packing.get().pack(codes, 0, codes.length, bits, packed, 0);
            long offset = (long) firstRow * columns / Byte.SIZE * bits;
            MemorySegment.copy(packed, 0, packedCodes, ValueLayout.JAVA_BYTE, offset, packed.length);
        }
    }
}
