package dev.lowbit.jobs.demo;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Arrays;

/**
 * Weights with the statistics that make trained matrices hard to compress: W = (Z * a bᵀ + L D R) with
 *
 * <ul>
 *   <li>Z independent with tails heavier than normal (kurtosis about 5),
 *   <li>a, b scales of rows and columns, among the columns a few outlier channels,
 *   <li>L D R a spectrum that decays as a power law above the bulk,
 *   <li>one weight in 2^15 far outside.
 * </ul>
 *
 * Every row has a random stream of its own, so the numbers do not depend on who computes them.
 */
final class SyntheticWeights {
    private static final double SPECTRUM_EXPONENT = -0.7;
    private static final double OUTLIER_CHANNELS = 1.0 / 128;
    private static final double OUTLIER_CHANNEL_SCALE = 3.5;
    private static final double OUTLIER_WEIGHT_SCALE = 6;
    private static final double CUBIC = 0.08;
    /** Four 16-bit uniforms have the variance 4/12 in units of their range. */
    private static final double NORMAL_SCALE = Math.sqrt(3) / 65536;

    private final long seed;

    SyntheticWeights(long seed) {
        this.seed = seed;
    }

    /**
     * Fills a matrix.
     *
     * @param out outputs x inputs; modified (overwritten)
     */
    void fill(String name, FloatMatrix out, Workers workers) {
        int rows = out.rows();
        int columns = out.columns();
        int rank = Math.max(1, Math.min(64, Math.min(rows, columns) / 8));
        try (FloatMatrix left = FloatMatrix.allocate(rows, rank);
                FloatMatrix right = FloatMatrix.allocate(rank, columns)) {
            double scale = 1 / Math.sqrt(columns);
            fillNormal(name, "spectrum.left", left, workers);
            fillNormal(name, "spectrum.right", right, workers);
            for (int k = 0; k < rank; k++) {
                // the first singular value stands at three times the edge of the bulk, which is about 2 for unit
                // variance
                double sigma = 6 * scale * StrictMath.pow(k + 1.0, SPECTRUM_EXPONENT) / Math.sqrt(rows);
                for (int j = 0; j < columns; j++) {
                    right.set(k, j, (float) (right.get(k, j) * sigma));
                }
            }
            Gemm.multiply(left, false, right, false, out, Gemm.Mode.SET, workers);
            double[] columnScales = columnScales(name, columns);
            workers.forEach(rows, i -> addBulk(name, i, scale, columnScales, out));
        }
    }

    /** Values of a norm's gain: near one. */
    float[] gains(String name, int size) {
        float[] gains = new float[size];
        RandomStream stream = RandomStream.of(seed, "demo.gain", name);
        for (int i = 0; i < size; i++) {
            gains[i] = (float) (1 + 0.1 * normal(stream.nextLong()));
        }
        return gains;
    }

    private void fillNormal(String name, String purpose, FloatMatrix out, Workers workers) {
        workers.forEach(out.rows(), i -> {
            RandomStream stream = RandomStream.of(seed, "demo." + purpose + "." + i, name);
            for (int j = 0; j < out.columns(); j++) {
                out.set(i, j, (float) normal(stream.nextLong()));
            }
        });
    }

    private double[] columnScales(String name, int columns) {
        RandomStream stream = RandomStream.of(seed, "demo.columns", name);
        double[] scales = new double[columns];
        Arrays.setAll(scales, j -> StrictMath.exp(0.2 * normal(stream.nextLong())));
        int outliers = (int) Math.ceil(columns * OUTLIER_CHANNELS);
        for (int k = 0; k < outliers; k++) {
            scales[(int) (stream.nextDouble() * columns)] *= OUTLIER_CHANNEL_SCALE;
        }
        return scales;
    }

    private void addBulk(String name, int row, double scale, double[] columnScales, FloatMatrix out) {
        RandomStream stream = RandomStream.of(seed, "demo.bulk." + row, name);
        double rowScale = scale * StrictMath.exp(0.2 * normal(stream.nextLong()));
        for (int j = 0; j < columnScales.length; j++) {
            long word = stream.nextLong();
            double z = normal(word);
            double heavy = z * (1 - CUBIC + CUBIC * z * z);
            double outlier = stream.nextLong() >>> 49 == 0 ? OUTLIER_WEIGHT_SCALE : 1;
            out.set(row, j, (float) (out.get(row, j) + rowScale * columnScales[j] * heavy * outlier));
        }
    }

    /** Close to a standard normal: the sum of four uniforms, which costs one word and no transcendental. */
    private static double normal(long word) {
        long sum = (word & 0xffff) + (word >>> 16 & 0xffff) + (word >>> 32 & 0xffff) + (word >>> 48);
        return (sum - 131070) * NORMAL_SCALE;
    }
}
