package dev.lowbit.codebook;

/**
 * NormalFloat codebooks: quantiles of a normal distribution, scaled so that the ends are -1 and +1 (QLoRA; LQ-LoRA keeps one
 * origin for every width; spec section 3).
 *
 * <p>With h = 2^(bits-1), o = 0.9677083 and σ = 1/Φ⁻¹(o): values σ Φ⁻¹(p) for h evenly spaced p in [1-o, 1/2] without the last, then
 * h + 1 evenly spaced p in [1/2, o]. One exact zero; one more positive value than negative ones. Computed in double and rounded once.
 */
public final class NormalFloat {
    /** The narrowest code: at one bit the construction leaves only 0 and 1, which cannot hold a negative weight. */
    public static final int MIN_BITS = 2;

    private static final double ORIGIN = 0.9677083;
    private static final Codebook[] BY_BITS = new Codebook[Codebook.MAX_BITS + 1];

    static {
        for (int bits = MIN_BITS; bits <= Codebook.MAX_BITS; bits++) {
            BY_BITS[bits] = build(exactValues(bits));
        }
    }

    private NormalFloat() {}

    /** The codebook with 2^bits values, bits from 2 to 8. */
    public static Codebook of(int bits) {
        checkBits(bits);
        return BY_BITS[bits];
    }

    /**
     * A codebook that someone else computed, used as it is: reproduces codes of the reference, whose single-precision table
     * differs from {@link #of} in the last bits.
     *
     * @param values 2^bits values; copied
     * @param midpoints 2^bits - 1 thresholds; copied
     */
    public static Codebook table(float[] values, float[] midpoints) {
        return new Codebook(values, midpoints);
    }

    /** The values before rounding to float. */
    public static double[] exactValues(int bits) {
        checkBits(bits);
        int half = 1 << (bits - 1);
        double sigma = 1 / NormalQuantile.of(ORIGIN);
        double[] values = new double[2 * half];
        for (int k = 0; k < half - 1; k++) {
            double p = (1 - ORIGIN) + k * ((0.5 - (1 - ORIGIN)) / (half - 1));
            values[k] = sigma * NormalQuantile.of(p);
        }
        for (int k = 0; k <= half; k++) {
            values[half - 1 + k] = sigma * NormalQuantile.of(0.5 + k * ((ORIGIN - 0.5) / half));
        }
        values[0] = -1;
        values[half - 1] = 0;
        values[2 * half - 1] = 1;
        return values;
    }

    private static Codebook build(double[] exact) {
        float[] values = new float[exact.length];
        float[] midpoints = new float[exact.length - 1];
        for (int k = 0; k < exact.length; k++) {
            values[k] = (float) exact[k];
        }
        for (int k = 0; k < midpoints.length; k++) {
            midpoints[k] = (float) ((exact[k] + exact[k + 1]) / 2);
        }
        return new Codebook(values, midpoints);
    }

    private static void checkBits(int bits) {
        if (bits < MIN_BITS || bits > Codebook.MAX_BITS) {
            throw new IllegalArgumentException(
                    "NormalFloat has 2 to 8 bits, got " + bits + "; use a uniform or learned codebook for 1 bit");
        }
    }
}
