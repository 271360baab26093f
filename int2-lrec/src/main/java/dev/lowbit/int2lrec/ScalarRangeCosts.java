package dev.lowbit.int2lrec;

/** The reference of {@link RangeCosts}. */
final class ScalarRangeCosts implements RangeCosts {
    /** Beyond every code; quotients are clipped to it before they are rounded. */
    static final float FAR = 1024;

    /** Added and subtracted it rounds to an integer, half to even. */
    static final float ROUND = 0x1.8p23f;

    /** Squares below count as this under the root, so that r⁵ can't overflow; they cost nothing anyway. */
    static final float SMALLEST = 0x1p-100f;

    /** Bits of the first guess of y^(-1/5): 6/5 of the exponent's offset, less what makes the worst error least, 4 %. */
    static final int START = (int) (1.2 * (127 - 0.0450466) * 0x1p23);

    @Override
    public void of(float[] values, float[] scales, float[] zeros, int largest, double[] costs) {
        for (int c = 0; c < scales.length; c++) {
            double sum = 0;
            for (float value : values) {
                float quotient = Math.max(-FAR, Math.min(FAR, value / scales[c]));
                float rounded = quotient + ROUND - ROUND;
                float code = Math.max(0, Math.min(largest, rounded + zeros[c]));
                sum += power(scales[c] * (code - zeros[c]) - value);
            }
            costs[c] = sum;
        }
    }

    /**
     * |x|^2.4 = y² r⁴ with y = x² (so 0 for 0) and r = y^(-1/5) by Newton's r (6 - y r⁵) / 5: each of three steps squares three times the
     * error, and rounding
     * is left.
     */
    static float power(float x) {
        float square = x * x;
        float y = Math.max(SMALLEST, square);
        float r = Float.intBitsToFloat(START - (int) (Float.floatToRawIntBits(y) * 0.2f));
        for (int i = 0; i < 3; i++) {
            float r2 = r * r;
            r *= 1.2f - 0.2f * (y * (r2 * r2 * r));
        }
        float r2 = r * r;
        return square * (square * (r2 * r2));
    }
}
