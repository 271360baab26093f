package dev.lowbit.codebook;

import java.util.Arrays;

/**
 * The 2^bits values that a code can stand for, ascending, and the thresholds between them. Immutable.
 *
 * <p>{@code encode(x)} is the number of midpoints strictly below x, so a tie goes to the lower code and values beyond the
 * ends get the end codes (LQ-LoRA spec, section 3).
 */
public final class Codebook {
    /** The widest code of a codebook that is looked up value by value. */
    public static final int MAX_BITS = 8;

    private final int bits;
    private final float[] values;
    private final float[] midpoints;
    private final int zeroCode;

    /**
     * @param values 2^bits finite values, ascending (equal neighbours allowed); copied
     * @param midpoints 2^bits - 1 finite thresholds, ascending; copied
     */
    public Codebook(float[] values, float[] midpoints) {
        this.bits = Integer.numberOfTrailingZeros(values.length);
        if (values.length < 2 || values.length != 1 << bits || bits > MAX_BITS) {
            throw new IllegalArgumentException(
                    "a codebook has 2, 4, ... or 256 values, got " + values.length + "; pad it with its last value");
        }
        if (midpoints.length != values.length - 1) {
            throw new IllegalArgumentException(
                    values.length + " values need " + (values.length - 1) + " midpoints, got " + midpoints.length);
        }
        checkAscending("value", values);
        checkAscending("midpoint", midpoints);
        this.values = values.clone();
        this.midpoints = midpoints.clone();
        this.zeroCode = encode(0f);
    }

    /** A codebook whose thresholds lie half way between neighbouring values. */
    public static Codebook ofValues(float[] values) {
        float[] midpoints = new float[Math.max(values.length - 1, 0)];
        for (int k = 0; k < midpoints.length; k++) {
            midpoints[k] = (float) (((double) values[k] + values[k + 1]) / 2);
        }
        return new Codebook(values, midpoints);
    }

    private static void checkAscending(String what, float[] numbers) {
        for (int k = 0; k < numbers.length; k++) {
            if (!Float.isFinite(numbers[k]) || (k > 0 && numbers[k] < numbers[k - 1])) {
                throw new IllegalArgumentException("codebook " + what + " " + k + " is " + numbers[k]
                        + "; the numbers must be finite and ascending");
            }
        }
    }

    /** Bits of one code, 1 to 8. */
    public int bits() {
        return bits;
    }

    /** How many values: 2^bits. */
    public int size() {
        return values.length;
    }

    /** The value of a code. */
    public float value(int code) {
        return values[code];
    }

    /** The threshold between {@code code} and {@code code + 1}. */
    public float midpoint(int code) {
        return midpoints[code];
    }

    /** A copy of all values, ascending. */
    public float[] values() {
        return values.clone();
    }

    /** A copy of all thresholds, ascending. */
    public float[] midpoints() {
        return midpoints.clone();
    }

    /** The code of 0: what padding and blocks of scale 0 hold. */
    public int zeroCode() {
        return zeroCode;
    }

    /** The number of midpoints strictly below {@code x}; x must not be NaN. */
    public int encode(float x) {
        int low = 0;
        int high = midpoints.length;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (midpoints[middle] < x) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Codebook that
                && Arrays.equals(values, that.values)
                && Arrays.equals(midpoints, that.midpoints);
    }

    @Override
    public int hashCode() {
        return 31 * Arrays.hashCode(values) + Arrays.hashCode(midpoints);
    }
}
