package dev.lowbit.int2lrec;

/**
 * |x|^2.4 from multiplications alone: x² times the fifth root of x², and that from r = y^(-1/5) by Newton's r (6 - y r⁵) / 5. The start, a
 * fifth of the exponent's and the fraction's bits, is within 4 %; each step squares three times the error, so four leave rounding only:
 * 1e-14 relative. The same bits on every machine, and several times faster than a power.
 */
final class PowerTwoPointFour {
    /** Bits of the start at 0: 6/5 of the exponent's offset, less what makes the worst error least. */
    private static final long START = (long) (1.2 * (1023 - 0.0450466) * 0x1p52);

    private static final int STEPS = 4;

    private PowerTwoPointFour() {}

    static double of(float x) {
        double y = (double) x * x;
        if (y == 0) {
            return 0;
        }
        double r = Double.longBitsToDouble(START - Double.doubleToRawLongBits(y) / 5);
        for (int i = 0; i < STEPS; i++) {
            double r2 = r * r;
            r *= 1.2 - 0.2 * (y * (r2 * r2 * r));
        }
        double r2 = r * r;
        return y * (y * (r2 * r2));
    }
}
