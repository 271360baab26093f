package dev.lowbit.pvtuning;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.matrix.additive.AdditiveFormat;
import dev.lowbit.matrix.additive.AdditiveMatrix;
import dev.lowbit.matrix.scale.EncodedScales;
import dev.lowbit.matrix.scale.ScaleType;
import dev.lowbit.store.MeasuredError;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Arrays;

/**
 * One matrix in one format: V and P steps under H with codewords given or its own, then scales and codewords rounded to what is stored and codes
 * searched once more for these. What is stored is measured by the importance itself; of all states measured the best is the result.
 */
final class MatrixQuantizer {
    private static final String PURPOSE = "pv-tuning";
    private static final double GAIN = 2e-3;

    private final FloatMatrix weights;
    private final Importance importance;
    private final AdditiveFormat format;
    private final CodeShape shape;
    private final WeightedMoment moment;
    private final LayerProblem problem;
    private final RandomStream stream;
    private final Effort effort;
    private final Workers workers;
    private Result best;

    private MatrixQuantizer(
            String name,
            FloatMatrix weights,
            Importance importance,
            WeightedMoment moment,
            AdditiveFormat format,
            long seed,
            Effort effort,
            Workers workers) {
        this.weights = weights;
        this.importance = importance;
        this.format = format;
        this.shape = CodeShape.of(format);
        this.moment = moment;
        this.problem = moment.problem(weights, shape, workers);
        this.stream = RandomStream.of(seed, PURPOSE, name);
        this.effort = effort;
        this.workers = workers;
    }

    /**
     * How hard to look. Who looks longer finds nothing worse: the same steps come first.
     *
     * @param beam hypotheses of a search
     * @param lastSearches for the stored scales, each for those that fit the codes of the one before best
     * @param rounds after each of which the result is measured, ascending
     */
    record Effort(int beam, int lastSearches, int... rounds) {}

    /**
     * What was found.
     *
     * @param error the objective, of what is stored
     */
    record Result(AdditiveMatrix matrix, double error) {}

    /**
     * Quantizes with codewords that are given.
     *
     * @param name keys the random stream
     * @param codewords K x M x g, exact in F16, in units of the root mean square of a row; not modified
     */
    static Result withCodewords(
            String name,
            FloatMatrix weights,
            Importance importance,
            WeightedMoment moment,
            AdditiveFormat format,
            double[] codewords,
            long seed,
            Effort effort,
            Workers workers) {
        MatrixQuantizer quantizer =
                new MatrixQuantizer(name, weights, importance, moment, format, seed, effort, workers);
        LayerState state = NearestStart.of(quantizer.problem, weights, moment, quantizer.shape, codewords, workers);
        int done = 0;
        for (int until : effort.rounds()) {
            double before = Double.POSITIVE_INFINITY;
            for (; done < until && state.loss() < before * (1 - GAIN); done++) {
                before = state.loss();
                quantizer.search(state);
                ScaleStep.apply(state);
            }
            quantizer.measure(state.weights());
        }
        return quantizer.best;
    }

    /**
     * Quantizes with codewords of its own.
     *
     * @param name keys the random stream
     */
    static Result withOwn(
            String name,
            FloatMatrix weights,
            Importance importance,
            WeightedMoment moment,
            AdditiveFormat format,
            long seed,
            Effort effort,
            Workers workers) {
        MatrixQuantizer quantizer =
                new MatrixQuantizer(name, weights, importance, moment, format, seed, effort, workers);
        CodeShape shape = quantizer.shape;
        LayerQuantizer layer = LayerQuantizer.start(
                quantizer.problem,
                shape.tiling(weights.rows(), weights.columns()),
                LayerSettings.of(shape.codebooks(), shape.entries(), effort.beam()),
                RandomStream.of(seed, PURPOSE + ".own", name));
        for (int until : effort.rounds()) {
            layer.run(until);
            quantizer.measure(quantizer.storable(layer.result().weights()));
        }
        return quantizer.best;
    }

    private void search(LayerState state) {
        BeamOrder order = BeamOrder.shuffled(state.weights().tiling().tileColumns(), shape.codebooks(), stream);
        int[] codes = new BeamSearch(state, order, effort.beam()).codes();
        System.arraycopy(codes, 0, state.weights().codes(), 0, codes.length);
        state.recompute();
    }

    /** The same weights with codewords of a size that F16 holds best, and rounded to it. */
    private AdditiveWeights storable(AdditiveWeights own) {
        AdditiveWeights storable = own.copy();
        double largest = Arrays.stream(own.codewords()).map(Math::abs).max().orElseThrow();
        double unit = largest > 0 ? Math.scalb(1.0, Math.getExponent(largest)) : 1;
        Arrays.setAll(storable.codewords(), i -> ScaleType.round(DType.F16, (float) (own.codewords()[i] / unit)));
        Arrays.setAll(storable.scales(), i -> own.scales()[i] * unit);
        return storable;
    }

    /** Rounds the scales as they are stored, searches codes for them, and keeps the result if it is the best so far. */
    private void measure(AdditiveWeights tuned) {
        AdditiveWeights wanted = tuned;
        for (int i = 0; i < effort.lastSearches(); i++) {
            EncodedScales scales = encode(wanted);
            AdditiveWeights stored = withScales(wanted, scales);
            LayerState state = new LayerState(problem, stored);
            search(state);
            AdditiveMatrix matrix = AdditiveMatrix.of(
                    weights.rows(),
                    weights.columns(),
                    format,
                    stored.codes().clone(),
                    scales,
                    floats(stored.codewords()));
            double error =
                    MeasuredError.of(weights, matrix, importance, workers).weightedError();
            if (best == null || error < best.error()) {
                best = new Result(matrix, error);
            }
            ScaleStep.apply(state);
            wanted = stored;
        }
    }

    /**
     * A scale is stored without a sign. Where the best one is negative the codes are worse than none, and 0 is better than they were; the next of the last searches
     * then takes codewords that point along the row, for which the best scale is positive.
     */
    private EncodedScales encode(AdditiveWeights wanted) {
        float[] scales = new float[weights.rows()];
        for (int row = 0; row < scales.length; row++) {
            double scale = wanted.scales()[row];
            scales[row] = scale > NearestStart.NO_SCALE ? (float) (scale / moment.factor(row)) : 0;
        }
        return EncodedScales.encode(scales, format.scales())
                .orElseThrow(() -> InvalidRequestException.beyondFormat(
                        format.id() + " cannot hold scales as large as those of this matrix; take scales in bf16"));
    }

    private AdditiveWeights withScales(AdditiveWeights wanted, EncodedScales scales) {
        AdditiveWeights stored = wanted.copy();
        for (int row = 0; row < weights.rows(); row++) {
            stored.scales()[row] = Math.max(scales.values()[row] * moment.factor(row), NearestStart.NO_SCALE);
        }
        return stored;
    }

    /** Each rounded to float. */
    static float[] floats(double[] values) {
        float[] floats = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            floats[i] = (float) values[i];
        }
        return floats;
    }
}
