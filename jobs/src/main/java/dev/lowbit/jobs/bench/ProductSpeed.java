package dev.lowbit.jobs.bench;

import dev.lowbit.jobs.AccuracyConverter;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.Accuracy;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Arrays;

/**
 * How fast y = W x runs with packed weights that are never expanded.
 *
 * @param format of W
 * @param accuracy {@code exact}, or {@code fast} where the representation has such products on this machine
 * @param threads that share the rows
 * @param bitsPerWeight that a product reads: as stored, or of the form in memory that was made for it; everything counted
 * @param secondsPerProduct the median of several rounds
 * @param weightsPerSecond rows times columns over that
 * @param bytesPerSecond bytes of these bits over that
 * @param shareOfBandwidth of the bytes per second that as many threads read from memory
 */
public record ProductSpeed(
        String format,
        String accuracy,
        int threads,
        double bitsPerWeight,
        double secondsPerProduct,
        double weightsPerSecond,
        double bytesPerSecond,
        double shareOfBandwidth) {
    private static final double FLOAT_ULP = 0x1p-23;
    /** Of the root of the sum of the squares of a row's terms: ten times what was measured at 2 to 4 bits. */
    private static final double FAST_ERROR = 0.2;

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
            long bytes = matrix.readBytes();
            return new ProductSpeed(
                    matrix.format(),
                    AccuracyConverter.name(matrix.accuracy()),
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

    /**
     * A float sum of k terms in any order is off by at most k ulp of the sum of the magnitudes, plus one for its own rounding. A fast one has the bound of its
     * representation, which is tested elsewhere; what is wrong altogether shows in a part of the outputs' size.
     */
    private static void requireRight(QuantizedMatrix matrix, FloatMatrix x, FloatMatrix y) {
        int step = Math.max(1, matrix.rows() / ROWS_CHECKED);
        try (FloatMatrix row = FloatMatrix.allocate(1, matrix.columns())) {
            for (int i = 0; i < matrix.rows(); i += step) {
                matrix.dequantize(i, row, Workers.serial());
                double sum = 0;
                double magnitude = 0;
                double square = 0;
                for (int j = 0; j < row.columns(); j++) {
                    double term = (double) row.get(0, j) * x.get(0, j);
                    sum += term;
                    magnitude += Math.abs(term);
                    square += term * term;
                }
                double tolerance = (row.columns() + 1) * FLOAT_ULP * magnitude;
                if (matrix.accuracy() == Accuracy.FAST) {
                    tolerance += FAST_ERROR * Math.sqrt(square);
                }
                // so that a result that is no number is wrong too
                if (!(Math.abs(y.get(0, i) - sum) <= tolerance)) {
                    throw new IllegalStateException("wrong result, not measured: row " + i + " of " + matrix.format()
                            + " gives " + y.get(0, i) + ", expected " + sum);
                }
            }
        }
    }
}
