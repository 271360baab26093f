package dev.lowbit.matrix.affine;

import dev.lowbit.importance.Hessian;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.FeedbackSweep;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.scale.EncodedScales;
import dev.lowbit.matrix.scale.ScaleFormat;
import dev.lowbit.matrix.scale.ScaleType;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;

/**
 * GPTQ on an affine grid ({@link FeedbackSweep}). Each group of at most {@link #LARGEST_SEARCHED} columns also takes, of 16 scales around
 * its present one and the zero points around its own, the pair under which its part of the objective comes out smallest, feedback inside
 * the group included: what GPTQ's dynamic groups do by the range of the updated weights, decided by what it is for.
 */
final class AffineFeedback implements FeedbackSweep.Decider {
    /** A search costs the square of this per group. */
    static final int LARGEST_SEARCHED = 128;

    /** Columns that are decided between two products, where groups do not give another number. */
    private static final int PANEL = 64;

    private static final int LANES = AffineKernels.LANES;

    /** What a scale of one level is multiplied by: 0.70 to 1.15; lane 10 is 1. */
    private static final float FIRST_MULTIPLE = 0.7f;

    private static final float MULTIPLE_STEP = 0.03f;

    private final int columns;
    private final AffineFormat format;
    private final EncodedScales scales;
    private final boolean searches;
    private final byte[] scaleCodes;
    private final float[] scaleValues;
    private final byte[] zeros;
    private final MemorySegment packedCodes;

    private AffineFeedback(FloatMatrix weights, AffineFormat format, AffineFit fit) {
        this.columns = weights.columns();
        this.format = format;
        this.scales = fit.scales();
        this.searches = format.groupColumns(columns) <= LARGEST_SEARCHED;
        this.scaleCodes = scales.codes().clone();
        this.scaleValues = scales.values().clone();
        this.zeros = fit.zeros().clone();
        this.packedCodes = PackedCodes.allocate(weights.size(), format.codeBits());
    }

    /**
     * Sweeps over all rows.
     *
     * @param weights rows x columns; not modified unless it is {@code residual}
     * @param fit where the search starts; not modified
     * @param residual rows x columns; modified (overwritten by weights - Ŵ); null when it is not wanted
     */
    static AffineQuantizer.Result sweep(
            FloatMatrix weights,
            Hessian hessian,
            AffineFormat format,
            AffineFit fit,
            FloatMatrix residual,
            Workers workers) {
        AffineFeedback feedback = new AffineFeedback(weights, format, fit);
        int panel = feedback.searches ? format.groupColumns(weights.columns()) : PANEL;
        double error = FeedbackSweep.sweep(weights, hessian, panel, feedback, residual, workers);
        EncodedScales chosen = new EncodedScales(
                feedback.scaleValues,
                feedback.scaleCodes,
                fit.scales().superScales(),
                fit.scales().offset());
        return new AffineQuantizer.Result(
                AffineQuantizer.matrix(weights, format, feedback.packedCodes, chosen, feedback.zeros), error);
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
        int firstGroup = row * format.groupsOfRow(columns);
        int groupColumns = format.groupColumns(columns);
        if (searches) {
            search(firstGroup + column / groupColumns, weights, offset, width, carried, triangle);
        }
        double cost = 0;
        for (int k = 0; k < width; k++) {
            int group = firstGroup + (column + k) / groupColumns;
            float scale = scaleValues[group];
            int zero = zeros[group] & 0xff;
            float weight = weights[offset + k];
            float target = weight + carried[k] / triangle[k * width + k];
            float level = AffineQuantizer.level(target, scale, zero, format.largestCode());
            codes[offset + k] = (byte) (zero + (int) level);
            cost += FeedbackSweep.decided(k, width, weight - scale * level, carried, triangle, differences);
        }
        return cost;
    }

    /** The best of 16 scales and the zero points around the group's own; of equals the one found first. */
    private void search(int group, float[] weights, int offset, int width, float[] carried, float[] triangle) {
        float[] candidates = new float[LANES];
        float[] costs = new float[LANES];
        int lowest = candidates(group, candidates);
        int present = zeros[group] & 0xff;
        float smallest = Float.POSITIVE_INFINITY;
        int bestLane = -1;
        int bestZero = present;
        for (int z = AffineFit.lowestZero(format, present); z <= AffineFit.highestZero(format, present); z++) {
            AffineKernels.get()
                    .feedbackCosts(
                            weights, offset, width, carried, triangle, candidates, z, format.largestCode(), costs);
            for (int lane = 0; lane < LANES; lane++) {
                if (costs[lane] < smallest) {
                    smallest = costs[lane];
                    bestLane = lane;
                    bestZero = z;
                }
            }
        }
        if (bestLane < 0) {
            return; // no cost is a number: weights near the largest float
        }
        if (format.scales() instanceof ScaleFormat.TwoLevel two) {
            scaleCodes[group] = (byte) Math.min(lowest + bestLane, (1 << two.codeBits()) - 1);
        }
        scaleValues[group] = candidates[bestLane];
        zeros[group] = (byte) bestZero;
    }

    private int candidates(int group, float[] candidates) {
        return switch (format.scales()) {
            case ScaleFormat.TwoLevel two ->
                two.around(
                        Byte.toUnsignedInt(scaleCodes[group]),
                        scales.superScales()[group / two.superGroup()],
                        scales.offset(),
                        candidates);
            case ScaleFormat.OneLevel one -> {
                for (int lane = 0; lane < LANES; lane++) {
                    float scale = scaleValues[group] * (FIRST_MULTIPLE + MULTIPLE_STEP * lane);
                    float rounded = ScaleType.round(one.type(), scale);
                    candidates[lane] = Float.isFinite(rounded) ? rounded : scaleValues[group];
                }
                yield 0;
            }
        };
    }

    @Override
    public void store(int firstRow, byte[] codes) {
        AffineQuantizer.store(codes, firstRow, columns, format.codeBits(), packedCodes);
    }
}
