package dev.lowbit.codebook;

/**
 * The quantile function of the standard normal distribution, to about 1e-15, for the central probabilities that NormalFloat
 * codebooks need (1e-9 to 1 - 1e-9).
 *
 * <p>Solves Φ(x) = p by Newton's method on Φ(x) - 1/2 = φ(x) (x + x³/3 + x⁵/(3·5) + x⁷/(3·5·7) + ...), a series of positive
 * terms and hence without cancellation.
 */
final class NormalQuantile {
    private static final double SQRT_TWO_PI = StrictMath.sqrt(2 * StrictMath.PI);
    private static final double SMALLEST = 1e-9;
    private static final int MAX_STEPS = 100;

    private NormalQuantile() {}

    static double of(double p) {
        if (!(p >= SMALLEST && p <= 1 - SMALLEST)) {
            throw new IllegalArgumentException("a probability between 1e-9 and 1 - 1e-9 is needed, got " + p);
        }
        double target = Math.abs(p - 0.5);
        double x = 0;
        for (int step = 0; step < MAX_STEPS; step++) {
            double density = StrictMath.exp(-x * x / 2) / SQRT_TWO_PI;
            double next = x + (target - density * seriesFactor(x)) / density;
            if (Math.abs(next - x) <= Math.ulp(next)) {
                x = next;
                break;
            }
            x = next;
        }
        return p < 0.5 ? -x : x;
    }

    /** (Φ(x) - 1/2) / φ(x) for x >= 0. */
    private static double seriesFactor(double x) {
        double sum = 0;
        double term = x;
        for (int k = 3; sum + term != sum; k += 2) {
            sum += term;
            term *= x * x / k;
        }
        return sum;
    }
}
