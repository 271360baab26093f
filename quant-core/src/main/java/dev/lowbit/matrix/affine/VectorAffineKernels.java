package dev.lowbit.matrix.affine;

import dev.lowbit.kernel.VectorWidth;
import dev.lowbit.matrix.packed.CodeLanes;
import dev.lowbit.matrix.packed.RowDot;
import dev.lowbit.matrix.packed.WordDot;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * The verbs in SIMD, bit-equal to {@link ScalarAffineKernels} at 128, 256 and 512 bits: lanes are weights of a group, or scales that are
 * tried; what does not fill the 16 virtual lanes goes the scalar way.
 */
final class VectorAffineKernels implements AffineKernels {
    private static final VectorSpecies<Float> F = VectorWidth.floats();
    private static final VectorSpecies<Integer> I = VectorSpecies.of(int.class, F.vectorShape());
    private static final int WIDTH = F.length();
    private static final int PER_LANES = LANES / WIDTH;

    /** Whether two registers are summed side by side: an addition would else wait for the one before. */
    private static final boolean TWO = WIDTH < LANES;

    private static final int STEP = TWO ? 2 * WIDTH : WIDTH;

    private static final AffineKernels SCALAR = new ScalarAffineKernels();

    /** Where one vector of floats comes from; 128-bit floats need half of the smallest byte vector. */
    private static final VectorSpecies<Byte> B = WIDTH == LANES ? ByteVector.SPECIES_128 : ByteVector.SPECIES_64;

    @Override
    public void decode(byte[] codes, int from, int count, float scale, int zero, float[] out) {
        FloatVector factor = FloatVector.broadcast(F, scale);
        int whole = from + count / WIDTH * WIDTH;
        for (int i = from; i < whole; i += WIDTH) {
            levels(codes, i, zero).mul(factor).intoArray(out, i);
        }
        for (int i = whole; i < from + count; i++) {
            out[i] = scale * ((codes[i] & 0xff) - zero);
        }
    }

    /** code - zero of as many codes as a vector holds. */
    private static FloatVector levels(byte[] codes, int at, int zero) {
        IntVector wide =
                (IntVector) ByteVector.fromArray(B, codes, at).convertShape(VectorOperators.ZERO_EXTEND_B2I, I, 0);
        return (FloatVector) wide.sub(zero).convertShape(VectorOperators.I2F, F, 0);
    }

    @Override
    public void dot(byte[] codes, int from, int count, float scale, int zero, float[] x, int xFrom, float[] lanes) {
        int whole = count / LANES * LANES;
        for (int part = 0; part < PER_LANES; part++) {
            FloatVector sum = FloatVector.zero(F);
            for (int i = part * WIDTH; i < whole; i += LANES) {
                sum = levels(codes, from + i, zero).fma(FloatVector.fromArray(F, x, xFrom + i), sum);
            }
            if (whole == count) {
                sum.fma(FloatVector.broadcast(F, scale), FloatVector.fromArray(F, lanes, part * WIDTH))
                        .intoArray(lanes, part * WIDTH);
            } else {
                endOfDot(codes, from + whole, count - whole, scale, zero, x, xFrom + whole, sum, part * WIDTH, lanes);
            }
        }
    }

    /** Whole groups of whole steps in one loop; others one by one. */
    @Override
    public void dotOfCodes(
            byte[] codes,
            int count,
            int width,
            float[] scales,
            byte[] zeros,
            int group,
            float[] x,
            int xFrom,
            float[] lanes) {
        if (width % LANES != 0 || count % width != 0) {
            AffineKernels.super.dotOfCodes(codes, count, width, scales, zeros, group, x, xFrom, lanes);
            return;
        }
        for (int lane = 0; lane < LANES; lane += STEP) {
            dotOfGroups(codes, count, width, scales, zeros, group, x, xFrom, lanes, lane);
        }
    }

    private static void dotOfGroups(
            byte[] codes,
            int count,
            int width,
            float[] scales,
            byte[] zeros,
            int group,
            float[] x,
            int xFrom,
            float[] lanes,
            int lane) {
        FloatVector total = FloatVector.fromArray(F, lanes, lane);
        FloatVector total2 = FloatVector.fromArray(F, lanes, lane + STEP - WIDTH);
        for (int start = lane; start < count; start += width, group++) {
            int zero = zeros[group] & 0xff;
            FloatVector sum = FloatVector.zero(F);
            FloatVector sum2 = sum;
            for (int i = start; i < start + width; i += LANES) {
                int from = xFrom + i;
                sum = levels(codes, i, zero).fma(FloatVector.fromArray(F, x, from), sum);
                if (TWO) {
                    sum2 = levels(codes, i + WIDTH, zero).fma(FloatVector.fromArray(F, x, from + WIDTH), sum2);
                }
            }
            FloatVector scale = FloatVector.broadcast(F, scales[group]);
            total = sum.fma(scale, total);
            total2 = sum2.fma(scale, total2);
        }
        total2.intoArray(lanes, lane + STEP - WIDTH);
        total.intoArray(lanes, lane);
    }

    /** The last lanes of a group that does not fill all 16. */
    private static void endOfDot(
            byte[] codes,
            int from,
            int count,
            float scale,
            int zero,
            float[] x,
            int xFrom,
            FloatVector whole,
            int firstLane,
            float[] lanes) {
        for (int lane = 0; lane < WIDTH; lane++) {
            float sum = whole.lane(lane);
            int i = firstLane + lane;
            if (i < count) {
                sum = Math.fma((codes[from + i] & 0xff) - zero, x[xFrom + i], sum);
            }
            lanes[i] = Math.fma(sum, scale, lanes[i]);
        }
    }

    @Override
    public void dotOfRow(
            byte[] packed,
            int bitOffset,
            int count,
            int bits,
            int width,
            float[] scales,
            byte[] zeros,
            int group,
            float[] x,
            int xFrom,
            float[] lanes) {
        if (!CodeLanes.holds(bits)) {
            SCALAR.dotOfRow(packed, bitOffset, count, bits, width, scales, zeros, group, x, xFrom, lanes);
            return;
        }
        float[] levels = RowDot.integers(bits);
        WordDot.dot(packed, bitOffset, count, bits, width, levels, zeros, scales, group, x, xFrom, lanes);
    }

    @Override
    public void costs(
            float[] weights,
            float[] importance,
            int offset,
            int length,
            float[] scales,
            int zero,
            int last,
            float[] costs) {
        float[] inverses = AffineKernels.inverses(scales);
        for (int lane = 0; lane < LANES; lane += WIDTH) {
            FloatVector negated = FloatVector.fromArray(F, scales, lane).neg();
            FloatVector inverse = FloatVector.fromArray(F, inverses, lane);
            FloatVector cost = FloatVector.zero(F);
            for (int i = offset; i < offset + length; i++) {
                FloatVector weight = FloatVector.broadcast(F, weights[i]);
                FloatVector d = negated.fma(level(weight.mul(inverse), zero, last), weight);
                FloatVector other = importance == null ? d : d.mul(importance[i]);
                cost = other.fma(d, cost);
            }
            cost.intoArray(costs, lane);
        }
    }

    private static FloatVector level(FloatVector t, int zero, int last) {
        return t.max(-zero).min(last - zero).add(ROUNDER).sub(ROUNDER);
    }

    @Override
    public void feedbackCosts(
            float[] weights,
            int offset,
            int length,
            float[] carried,
            float[] triangle,
            float[] scales,
            int zero,
            int last,
            float[] costs) {
        AffineFeedbackCosts.of(weights, offset, length, carried, triangle, scales, zero, last, costs);
    }
}
