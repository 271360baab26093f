package dev.lowbit.matrix;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;

/**
 * Products before the first that counts. Until the JVM has compiled a kernel of the Vector API, which takes thousands of calls, it is hundreds of times slower; a service that
 * must answer its first request as fast as the others runs this after it has loaded its weights. Nothing depends on it but time.
 */
public final class WarmUp {
    /** A window has at least so much time and so many products: those of a kernel that is not compiled may take longer than the time. */
    private static final long WINDOW_NANOS = 50_000_000;

    private static final int WINDOW_PRODUCTS = 8;

    /** Windows without progress that end it: compilation goes on in the background meanwhile. */
    private static final int QUIET_WINDOWS = 4;

    private static final long MOST_NANOS = 5_000_000_000L;

    /** What counts as progress. */
    private static final double FASTER = 0.9;

    private WarmUp() {}

    /**
     * Multiplies the matrix with a vector until that has stopped getting faster: a fifth of a second at least, five (and what is then under way) at most.
     *
     * @param matrix prepared as it will be used; all with the same format and accuracy are compiled together
     * @param workers that will multiply it
     * @return how many products that were
     */
    public static long products(QuantizedMatrix matrix, Workers workers) {
        FloatMatrix x = FloatMatrix.wrap(1, matrix.columns(), new float[matrix.columns()]);
        FloatMatrix y = FloatMatrix.wrap(1, matrix.rows(), new float[matrix.rows()]);
        long count = 0;
        long best = Long.MAX_VALUE;
        int quiet = 0;
        long begin = System.nanoTime();
        for (long now = begin; quiet < QUIET_WINDOWS && now - begin < MOST_NANOS; ) {
            long window = now;
            long shortest = Long.MAX_VALUE;
            for (int i = 0; (i < WINDOW_PRODUCTS || now - window < WINDOW_NANOS) && now - begin < MOST_NANOS; i++) {
                matrix.multiply(x, y, workers);
                long after = System.nanoTime();
                shortest = Math.min(shortest, after - now);
                now = after;
                count++;
            }
            quiet = shortest < FASTER * best ? 0 : quiet + 1;
            best = Math.min(best, shortest);
        }
        return count;
    }
}
