package dev.lowbit.kernel;

/** The virtual lanes of a horizontal sum: always 16, whatever the hardware has, so that every SIMD width gives the same bits. */
public final class Lanes {
    /** How many. */
    public static final int COUNT = 16;

    private Lanes() {}

    /** The fixed tree: lane l + lane l + 8, then 4, 2, 1. */
    public static float sum(float[] lanes) {
        return sum(lanes, 0);
    }

    /** {@link #sum(float[])} of the 16 lanes from index {@code from} on. */
    public static float sum(float[] lanes, int from) {
        float a = (lanes[from] + lanes[from + 8]) + (lanes[from + 4] + lanes[from + 12]);
        float b = (lanes[from + 2] + lanes[from + 10]) + (lanes[from + 6] + lanes[from + 14]);
        float c = (lanes[from + 1] + lanes[from + 9]) + (lanes[from + 5] + lanes[from + 13]);
        float d = (lanes[from + 3] + lanes[from + 11]) + (lanes[from + 7] + lanes[from + 15]);
        return (a + b) + (c + d);
    }
}
