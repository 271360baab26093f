package dev.lowbit.compeft;

/** What no code of random positions and signs goes below. */
public final class EntropyBound {
    /** Bits of the scale in the paper's accounting. */
    private static final int SCALE_BITS = 16;

    private EntropyBound() {}

    /** d (-p log2 p - (1 - p) log2(1 - p)) + n + 16 bits, with p = n / d. */
    public static double bits(long length, long nonZeros) {
        return information(length, nonZeros) + information(length, length - nonZeros) + nonZeros + SCALE_BITS;
    }

    /** count times the log2 of length / count. */
    private static double information(long length, long count) {
        return count == 0 ? 0 : -count * (StrictMath.log((double) count / length) / StrictMath.log(2));
    }
}
