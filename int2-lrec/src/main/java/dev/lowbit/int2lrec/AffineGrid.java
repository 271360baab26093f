package dev.lowbit.int2lrec;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.matrix.scale.ScaleType;
import dev.lowbit.tensor.DType;
import java.util.Objects;

/**
 * The affine grid of round-to-nearest and GPTQ: codes 0..L, L = 2^b - 1, stand for {@code s (q - z)}. For the values v of a group
 *
 * <pre>
 *   lo = min(0, min v), hi = max(0, max v);  both 0: lo = -1, hi = 1
 *   s = (hi - lo) / L,  z = round(-lo / s)
 *   q = clamp(round(w / s) + z, 0, L)
 * </pre>
 *
 * <p>in floats, as the published code of GPTQ computes; round is half to even. The search tries (p lo, p hi) for p = 1, 0.99 .. 0.21 and
 * keeps the first of those whose {@code sum |s (q - z) - v|^2.4} is smallest; at 2 bits it about halves the error of GPTQ.
 *
 * @param bits b, 1 to 8
 * @param range where the grid lies around zero
 * @param search whether smaller ranges are tried
 * @param scales type that stored scales are rounded to before codes are taken: F32, F16 or BF16
 */
public record AffineGrid(int bits, Range range, boolean search, DType scales) {
    /** A multiple of every number of SIMD lanes. */
    private static final int SHRINKS = 80;

    private static final int SHRINK_STEPS = 100;

    /** Groups below are not worth a search, and their reciprocals may overflow. */
    private static final float SMALLEST_SEARCHED = 0x1p-100f;

    /** Where the grid lies. */
    public enum Range {
        /** From the smallest to the largest value, zero included. */
        ASYMMETRIC,
        /** From -a to a, a the largest magnitude; z = (L + 1) / 2. */
        SYMMETRIC,
        /**
         * As the published code has it: a group without negative values keeps lo = 0 beside z = (L + 1) / 2, which clips its upper half.
         * For comparison with its results only.
         */
        SYMMETRIC_AS_PUBLISHED
    }

    /**
     * The grid of one group.
     *
     * @param scale s, not negative; infinite when the stored type can't hold it; 0 where it vanishes, all values being 0 then
     * @param zero z, 0 to L, or (L + 1) / 2 when symmetric
     */
    public record Group(float scale, int zero) {
        /** The value of a code, rounded to float. */
        public float value(int code) {
            return scale * (code - zero);
        }

        /** This group, unless its scale is infinite. */
        Group requireStorable(int row, int group) {
            if (!(scale <= Float.MAX_VALUE)) {
                throw InvalidRequestException.beyondFormat("the scale of row " + row + ", group " + group
                        + " is beyond what its type holds; store scales as F32 or BF16, or scale the weights down");
            }
            return this;
        }
    }

    /** Checks the parts. */
    public AffineGrid {
        if (bits < 1 || bits > Byte.SIZE) {
            throw InvalidRequestException.usage("codes have 1 to 8 bits, got " + bits);
        }
        Objects.requireNonNull(range);
        ScaleType.check(scales);
    }

    /** Asymmetric, without search, scales as floats. */
    public static AffineGrid of(int bits) {
        return new AffineGrid(bits, Range.ASYMMETRIC, false, DType.F32);
    }

    /** This grid with the search for a smaller range. */
    public AffineGrid searching() {
        return new AffineGrid(bits, range, true, scales);
    }

    /** This grid in another range. */
    public AffineGrid in(Range other) {
        return new AffineGrid(bits, other, search, scales);
    }

    /** This grid with scales of another type. */
    public AffineGrid scales(DType other) {
        return new AffineGrid(bits, range, search, other);
    }

    /** L, the largest code. */
    public int largestCode() {
        return (1 << bits) - 1;
    }

    /**
     * The grid of a group of values.
     *
     * @param values finite from {@code from} to {@code from + count - 1}; not modified
     * @param count at least 1
     */
    public Group fit(float[] values, int from, int count) {
        float lo = 0;
        float hi = 0;
        for (int i = from; i < from + count; i++) {
            lo = Math.min(lo, values[i]);
            hi = Math.max(hi, values[i]);
        }
        if (range != Range.ASYMMETRIC) {
            hi = Math.max(-lo, hi);
            if (lo < 0 || range == Range.SYMMETRIC) {
                lo = -hi;
            }
        }
        if (lo == 0 && hi == 0) {
            lo = -1;
            hi = 1;
        }
        Group whole = group(lo, hi);
        return search ? best(whole, lo, hi, values, from, count) : whole;
    }

    /** The first candidate of the least cost. Values and scales are scaled by a power of two, which changes no code and no comparison. */
    private Group best(Group whole, float lo, float hi, float[] values, int from, int count) {
        float largestMagnitude = Math.max(-lo, hi);
        if (!(whole.scale > 0 && whole.scale <= Float.MAX_VALUE && largestMagnitude >= SMALLEST_SEARCHED)) {
            return whole;
        }
        float unit = Math.scalb(1f, -Math.getExponent(largestMagnitude));
        float[] scaled = new float[count];
        for (int i = 0; i < count; i++) {
            scaled[i] = unit * values[from + i];
        }
        Group[] candidates = new Group[SHRINKS];
        float[] scales = new float[SHRINKS];
        float[] zeros = new float[SHRINKS];
        for (int i = 0; i < SHRINKS; i++) {
            float share = (float) (1 - (double) i / SHRINK_STEPS);
            candidates[i] = i == 0 ? whole : group(share * lo, share * hi);
            // One that its type rounds to 0 is no better than the whole range.
            candidates[i] = candidates[i].scale > 0 ? candidates[i] : whole;
            scales[i] = unit * candidates[i].scale;
            zeros[i] = candidates[i].zero;
        }
        double[] costs = new double[SHRINKS];
        RangeCosts.get().of(scaled, scales, zeros, largestCode(), costs);
        int best = 0;
        for (int i = 1; i < SHRINKS; i++) {
            best = costs[i] < costs[best] ? i : best;
        }
        return candidates[best];
    }

    private Group group(float lo, float hi) {
        int largest = largestCode();
        float scale = ScaleType.round(scales, (hi - lo) / largest);
        if (range != Range.ASYMMETRIC) {
            return new Group(scale, (largest + 1) / 2);
        }
        double zero = Math.rint(-lo / scale);
        // A scale rounded down can put the end of the range beyond the last code; 0 / 0 is no code either.
        return new Group(scale, scale == 0 ? 0 : (int) Math.min(largest, zero));
    }

    /** The code of a finite value: 0 to L. */
    public int quantize(float value, Group group) {
        return quantize(value, group.scale, group.zero, largestCode());
    }

    static int quantize(float value, float scale, int zero, int largest) {
        if (scale == 0) {
            return zero;
        }
        return (int) Math.max(0, Math.min(largest, Math.rint(value / scale) + zero));
    }
}
