package dev.lowbit.int2lrec;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gram;
import dev.lowbit.tensor.FloatMatrix;

/**
 * XᵀX of a layer's inputs, the sum over all calibration tokens, in double: all that GPTQ and the low-rank corrections know of the
 * data. The array is the record's own: not copied, to be read only.
 *
 * @param n inputs of the layer
 * @param values XᵀX, n x n, row-major, symmetric, finite
 * @param tokens rows of X, at least 1
 * @param sequences texts that the tokens came in, at least 1; GPTQ's own Hessian is 2 / sequences times XᵀX, which matters for
 *     the size of the error that it reports, not for the codes
 */
public record SecondMoment(int n, double[] values, long tokens, long sequences) {
    private static final double ASYMMETRY = 1e-6;

    /** Checks sizes, and that the values are finite and symmetric. */
    public SecondMoment {
        if (tokens < 1 || sequences < 1) {
            throw InvalidRequestException.usage("a second moment needs inputs, got " + tokens + " tokens in "
                    + sequences + " sequences; calibrate with text");
        }
        if (values.length != (long) n * n) {
            throw new IllegalArgumentException("an array of " + values.length + " is no " + n + " x " + n + " matrix");
        }
        for (int i = 0; i < n; i++) {
            for (int j = 0; j <= i; j++) {
                double value = values[i * n + j];
                double mirror = values[j * n + i];
                if (!(Math.abs(value) <= Double.MAX_VALUE) || i == j && value < 0) {
                    throw InvalidRequestException.impossible("the second moment of the inputs at (" + i + ", " + j
                            + ") is " + value + "; inputs must be finite");
                }
                if (!(Math.abs(value - mirror) <= ASYMMETRY * Math.max(Math.abs(value), Math.abs(mirror)))) {
                    throw InvalidRequestException.impossible("the second moment of the inputs is not symmetric: "
                            + value + " at (" + i + ", " + j + "), " + mirror + " at its mirror");
                }
            }
        }
    }

    /**
     * That of some inputs.
     *
     * @param inputs X, tokens x n; not modified
     */
    public static SecondMoment of(FloatMatrix inputs, long sequences, Workers workers) {
        if (inputs.rows() == 0) {
            throw InvalidRequestException.usage("a second moment needs inputs, got none; calibrate with text");
        }
        return new SecondMoment(inputs.columns(), Gram.of(inputs, true, workers), inputs.rows(), sequences);
    }

    /**
     * From what calibration stores.
     *
     * @param mean E[x xᵀ] over all tokens, n x n, symmetric; not modified
     */
    public static SecondMoment ofMean(FloatMatrix mean, long tokens, long sequences) {
        int n = mean.columns();
        if (mean.rows() != n) {
            throw new IllegalArgumentException("a second moment is square, got " + mean.rows() + " x " + n);
        }
        double[] values = new double[Math.multiplyExact(n, n)];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                values[i * n + j] = tokens * (double) mean.get(i, j);
            }
        }
        return new SecondMoment(n, values, tokens, sequences);
    }

    /** XᵀX[i, j]. */
    public double value(int i, int j) {
        return values[i * n + j];
    }

    /** Whether input j was zero in every token, so that nothing is known of its weights and nothing depends on them. */
    public boolean dead(int j) {
        return values[j * n + j] == 0;
    }

    /** The mean of the diagonal. */
    public double meanDiagonal() {
        double sum = 0;
        for (int j = 0; j < n; j++) {
            sum += values[j * n + j];
        }
        return n == 0 ? 0 : sum / n;
    }
}
