package dev.lowbit.int2lrec;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;

/**
 * GPTQ (Frantar, Ashkboos, Hoefler, Alistarh; arXiv 2210.17323, algorithm 1): columns are quantized one after the other, and the error
 * of each is made good, as far as it can be, by the columns that are still to come:
 *
 * <pre>
 *   for column j:   q_j = quantize(w_j),  e_j = (w_j - q_j) / U_jj,  w_k -= e_j U_jk for k > j
 *   at the end:     ½ Σ e² = ε / sequences + ½ λ ||W - Q||²
 * </pre>
 *
 * <table>
 * <caption>Letters</caption>
 * <tr><th>letter</th><th>name</th><th>shape</th></tr>
 * <tr><td>W</td><td>weights, outputs x inputs</td><td>m x n</td></tr>
 * <tr><td>XᵀX</td><td>second moment of the inputs, {@link SecondMoment}</td><td>n x n</td></tr>
 * <tr><td>H</td><td>2 / sequences XᵀX + λ I, 1 for a dead input's diagonal entry</td><td>n x n</td></tr>
 * <tr><td>U</td><td>the upper triangular factor of H⁻¹ = UᵀU, {@link SweepFactor}</td><td>n x n</td></tr>
 * <tr><td>E</td><td>errors e_j</td><td>m x n</td></tr>
 * </table>
 *
 * <p>Rows are independent: tiles of {@value #ROWS_PER_TILE} rows go through all columns, so threads never wait for one another and
 * share U alone. The last line above is checked on every result, with the values as they are stored. Cost: n³/2 multiply-adds for U, m n²
 * for the sweep and the check together. All sums are in double and have a fixed order: the result does not depend on the workers.
 */
public final class Gptq {
    static final int ROWS_PER_TILE = 96;

    private static final double TOLERANCE = 1e-9;

    private Gptq() {}

    /**
     * Quantizes a matrix.
     *
     * @param weights W, m x n, finite; not modified
     * @param moment of the layer's n inputs
     * @throws dev.lowbit.error.NonFiniteWeightException when a weight is NaN or infinite
     * @throws InvalidRequestException when sizes disagree, a scale is beyond its stored type, or no damping makes the Hessian positive definite
     * @throws IllegalStateException when the errors fed forward are not those of the result: a bug, never the input's fault
     */
    public static GptqResult quantize(
            FloatMatrix weights, SecondMoment moment, GptqSettings settings, Workers workers) {
        int m = weights.rows();
        int n = weights.columns();
        if (moment.n() != n) {
            throw InvalidRequestException.usage("the matrix has " + n + " inputs, the second moment " + moment.n());
        }
        AffineCodes.requireArray(weights);
        SweepFactor factor = SweepFactor.of(moment, settings.actOrder(), settings.damping(), workers);
        GptqSweep sweep = new GptqSweep(weights, moment, settings, factor);
        workers.forEach(
                Math.ceilDiv(m, ROWS_PER_TILE),
                task -> sweep.sweep(task * ROWS_PER_TILE, Math.min(ROWS_PER_TILE, m - task * ROWS_PER_TILE)));
        double squares = sum(sweep.errorSquares());
        double distance = sum(sweep.distances());
        double layerError = sum(sweep.layerErrors());
        double gptqError = squares / 2;
        requireIdentity(gptqError, layerError / moment.sequences() + factor.lambda() * distance / 2, distance, moment);
        return new GptqResult(sweep.codes(), gptqError, layerError, factor.damping());
    }

    private static double sum(double[] rows) {
        double sum = 0;
        for (double row : rows) {
            sum += row;
        }
        return sum;
    }

    static void requireIdentity(double fedForward, double ofResult, double distance, SecondMoment moment) {
        // Rounding in the factorization acts as a change of H by up to about n eps of its trace.
        double trace = 2 * moment.meanDiagonal() * moment.n() / moment.sequences();
        double allowed = TOLERANCE * ofResult + moment.n() * Math.ulp(1.0) * trace * distance;
        if (!(Math.abs(fedForward - ofResult) <= allowed)) {
            throw new IllegalStateException("GPTQ fed an error of " + fedForward + " forward, but its result has "
                    + ofResult + ", not within " + allowed);
        }
    }
}
