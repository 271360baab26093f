package dev.lowbit.codebook;

/**
 * The uniform symmetric grid of 2^bits values from -1 to +1: value(k) = (2k - (2^bits - 1)) / (2^bits - 1). It has no zero, which costs
 * nothing for weights and makes the single bit {-1, +1}.
 */
public final class UniformGrid {
    private UniformGrid() {}

    /** The grid with 2^bits values, bits from 1 to 8. */
    public static Codebook of(int bits) {
        if (bits < 1 || bits > Codebook.MAX_BITS) {
            throw new IllegalArgumentException("a uniform grid has 1 to 8 bits, got " + bits);
        }
        int last = (1 << bits) - 1;
        float[] values = new float[last + 1];
        float[] midpoints = new float[last];
        for (int k = 0; k <= last; k++) {
            values[k] = (float) ((2.0 * k - last) / last);
        }
        for (int k = 0; k < last; k++) {
            midpoints[k] = (float) ((2.0 * k + 1 - last) / last);
        }
        return new Codebook(values, midpoints);
    }
}
