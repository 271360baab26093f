package dev.lowbit.matrix;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;

/**
 * Products before the first that counts. Until the JVM has compiled a kernel of the Vector API, which takes thousands of calls, it is hundreds of times slower; a service that
 * must answer its first request as fast as the others runs this after it has loaded its weights. Nothing depends on it but time.
 */
public final class WarmUp {
    private static final long WINDOW_NANOS = 50_000_000;

    /** Windows without progress that end it: compilation goes on in the background meanwhile. */
    private static final int QUIET_WINDOWS = 4;

    private static final int MOST_WINDOWS = 60;

    /** What counts as progress. */
    private static final double FASTER = 0.9;

    private WarmUp() {}

    /**
     * Multiplies the matrix with a vector until that has stopped getting faster: a fifth of a second at least, three at most.
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
        for (int window = 0; window < MOST_WINDOWS && quiet < QUIET_WINDOWS; window++) {
            long end = System.nanoTime() + WINDOW_NANOS;
            long shortest = Long.MAX_VALUE;
            for (long now = System.nanoTime(); now < end; count++) {
                matrix.multiply(x, y, workers);
                long after = System.nanoTime();
                shortest = Math.min(shortest, after - now);
                now = after;
            }
            boolean progress = shortest < FASTER * best;
            quiet = progress ? 0 : quiet + 1;
            best = Math.min(best, shortest);
        }
        return count;
    }
}
