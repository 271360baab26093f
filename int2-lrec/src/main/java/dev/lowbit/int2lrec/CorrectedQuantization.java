package dev.lowbit.int2lrec;

import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.linalg.LowRank;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.affine.AffineFormat;
import dev.lowbit.matrix.affine.AffineMatrix;
import dev.lowbit.matrix.affine.AffineQuantizer;
import dev.lowbit.matrix.sum.FactorFormat;
import dev.lowbit.matrix.sum.StoredFactors;
import dev.lowbit.matrix.sum.SumFormat;
import dev.lowbit.matrix.sum.SumMatrix;
import dev.lowbit.tensor.FloatMatrix;

/**
 * A quantized matrix and its correction, found in turn (int2-lrec specification, section 5): from Q = quantize(W),
 *
 * <pre>
 *   B, A = the closed form for W - Q, rounded to their stored form
 *   Q    = quantize(W - B A)
 * </pre>
 *
 * <p>and of all pairs seen, after either line, the best under the objective is the result: more steps never make it worse.
 */
final class CorrectedQuantization {
    private static final String PURPOSE = "int2-lrec";

    /** Steps that may gain less than {@link #GAIN} before the search gives up. */
    private static final int PATIENCE = 2;

    private static final double GAIN = 0.002;

    private final FloatMatrix weights;
    private final Importance importance;
    private final AffineFormat base;
    private final FactorFormat factorFormat;
    private final Weighting weighting;
    private final LowRankSettings settings;
    private final RandomStream stream;
    private final Workers workers;
    private AffineMatrix bestBase;
    private StoredFactors bestFactors;
    private double bestError = Double.POSITIVE_INFINITY;

    private CorrectedQuantization(
            String name, FloatMatrix weights, Importance importance, SumFormat format, long seed, Workers workers) {
        this.weights = weights;
        this.importance = importance;
        this.base = (AffineFormat) format.base();
        this.factorFormat = FactorFormat.of(format.factor());
        this.weighting = Weighting.of(importance, weights.columns(), workers);
        this.settings = weighting.settings(format.rank());
        this.stream = RandomStream.of(seed, PURPOSE, name);
        this.workers = workers;
    }

    /**
     * What was found.
     *
     * @param error the objective
     */
    record Result(QuantizedMatrix matrix, double error) {}

    /**
     * Searches.
     *
     * @param name keys the random stream
     * @param weights W, m x n; not modified
     * @param format an affine base and factors of a rank of at most min(m, n)
     * @param steps corrections at most
     */
    static Result of(
            String name,
            FloatMatrix weights,
            Importance importance,
            SumFormat format,
            int steps,
            long seed,
            Workers workers) {
        CorrectedQuantization search = new CorrectedQuantization(name, weights, importance, format, seed, workers);
        search.run(format.rank(), steps);
        return new Result(
                SumMatrix.of(search.bestBase, search.bestFactors.left(), search.bestFactors.right()), search.bestError);
    }

    private void run(int rank, int steps) {
        try (FloatMatrix left = FloatMatrix.allocate(weights.rows(), weights.columns());
                LowRank low = LowRank.allocate(weights.rows(), weights.columns(), rank)) {
            AffineMatrix quantized = AffineQuantizer.quantize(weights, importance, base, left, workers)
                    .matrix();
            double before = Double.POSITIVE_INFINITY;
            int idle = 0;
            for (int step = 0; step < steps && idle < PATIENCE; step++) {
                // left = W - Q - B A; the next correction sees W - Q
                Gemm.multiply(low.left(), false, low.right(), false, left, Gemm.Mode.ADD, workers);
                StoredFactors factors = correct(left, low);
                low.subtractFrom(left, workers);
                keep(quantized, factors, importance.of(left, workers));
                left.copyFrom(weights);
                low.subtractFrom(left, workers);
                AffineQuantizer.Result next = AffineQuantizer.quantize(left, importance, base, left, workers);
                quantized = next.matrix();
                keep(quantized, factors, next.error());
                idle = bestError < before * (1 - GAIN) ? 0 : idle + 1;
                before = Math.min(before, bestError);
            }
        }
    }

    /** The correction of a residual as it will be stored; {@code low} becomes what it decodes to. */
    private StoredFactors correct(FloatMatrix residual, LowRank low) {
        try (LowRank factors = LowRankCorrection.factors(
                residual, weighting.moment(), weighting.outputs(), settings, stream, workers)) {
            low.copyFrom(factors);
        }
        return StoredFactors.round(low, factorFormat, workers);
    }

    private void keep(AffineMatrix quantized, StoredFactors factors, double error) {
        if (error < bestError || bestBase == null) {
            bestBase = quantized;
            bestFactors = factors;
            bestError = error;
        }
    }
}
