package dev.lowbit.kernel;

/** The virtual lanes of a horizontal sum: always 16, whatever the hardware has, so that every SIMD width gives the same bits. */
public final class Lanes {
    /** How many. */
    public static final int COUNT = 16;

    private Lanes() {}

    /** The fixed tree: lane l + lane l + 8, then 4, 2, 1. */
    public static float sum(float[] lanes) {
        float a = (lanes[0] + lanes[8]) + (lanes[4] + lanes[12]);
        float b = (lanes[2] + lanes[10]) + (lanes[6] + lanes[14]);
        float c = (lanes[1] + lanes[9]) + (lanes[5] + lanes[13]);
        float d = (lanes[3] + lanes[11]) + (lanes[7] + lanes[15]);
        return (a + b) + (c + d);
    }
}
