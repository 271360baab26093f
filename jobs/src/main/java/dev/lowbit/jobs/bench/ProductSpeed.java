package dev.lowbit.jobs.bench;

import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Arrays;

/**
 * How fast y = W x runs with packed weights that are never expanded.
 *
 * @param format of W
 * @param threads that share the rows
 * @param bitsPerWeight stored, everything counted
 * @param secondsPerProduct the median of several rounds
 * @param weightsPerSecond rows times columns over that
 * @param bytesPerSecond stored bytes over that
 * @param shareOfBandwidth of the bytes per second that as many threads read from memory
 */
public record ProductSpeed(
        String format,
        int threads,
        double bitsPerWeight,
        double secondsPerProduct,
        double weightsPerSecond,
        double bytesPerSecond,
        double shareOfBandwidth) {
    private static final double FLOAT_ULP = 0x1p-23;
    private static final int ROUNDS = 5;
    private static final int ROWS_CHECKED = 16;

    /**
     * Checks the product against sums in double, warms up and measures.
     *
     * @param x 1 x columns; not modified
     * @param seconds of a round, and of the warm-up
     * @param bandwidth bytes per second that these workers read
     * @throws IllegalStateException when a product is wrong: a speed is of right results
     */
    static ProductSpeed of(
            QuantizedMatrix matrix, FloatMatrix x, int threads, double seconds, double bandwidth, Workers workers) {
        try (FloatMatrix y = FloatMatrix.allocate(1, matrix.rows())) {
            Runnable product = () -> matrix.multiply(x, y, workers);
            product.run();
            requireRight(matrix, x, y);
            round(product, seconds);
            double[] rounds = new double[ROUNDS];
            for (int i = 0; i < ROUNDS; i++) {
                rounds[i] = round(product, seconds);
            }
            Arrays.sort(rounds);
            double median = rounds[ROUNDS / 2];
            double weights = (double) matrix.rows() * matrix.columns();
            long bytes = matrix.parts().stream()
                    .mapToLong(part -> part.bytes().byteSize())
                    .sum();
            return new ProductSpeed(
                    matrix.format(),
                    threads,
                    8 * bytes / weights,
                    median,
                    weights / median,
                    bytes / median,
                    bytes / median / bandwidth);
        }
    }

    /** Seconds of one product, over as many as fill the time. */
    private static double round(Runnable product, double seconds) {
        long start = System.nanoTime();
        long elapsed;
        int count = 0;
        do {
            product.run();
            count++;
            elapsed = System.nanoTime() - start;
        } while (elapsed < seconds * 1e9);
        return elapsed / 1e9 / count;
    }

    /** A float sum of k terms in any order is off by at most k ulp of the sum of the magnitudes, plus one for its own rounding. */
    private static void requireRight(QuantizedMatrix matrix, FloatMatrix x, FloatMatrix y) {
        int step = Math.max(1, matrix.rows() / ROWS_CHECKED);
        try (FloatMatrix row = FloatMatrix.allocate(1, matrix.columns())) {
            for (int i = 0; i < matrix.rows(); i += step) {
                matrix.dequantize(i, row, Workers.serial());
                double sum = 0;
                double magnitude = 0;
                for (int j = 0; j < row.columns(); j++) {
                    double term = (double) row.get(0, j) * x.get(0, j);
                    sum += term;
                    magnitude += Math.abs(term);
                }
                if (Math.abs(y.get(0, i) - sum) > (row.columns() + 1) * FLOAT_ULP * magnitude) {
                    throw new IllegalStateException("wrong result, not measured: row " + i + " of " + matrix.format()
                            + " gives " + y.get(0, i) + ", expected " + sum);
                }
            }
        }
    }
}
