package dev.lowbit.pvtuning;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;

/** A layer of the benchmarks in tiles of 1 x {@value #GROUP}, and what is done with it: their way to this package's own classes. */
public final class LayerWork {
    /** Weights of a codeword. */
    public static final int GROUP = 8;

    private static final int CODEBOOKS = 2;
    private static final int ENTRIES = 256;

    private final LayerProblem problem;
    private final Tiling tiling;
    private LayerState state;
    private KMeans tiles;
    private double[] centroids;

    /**
     * A layer.
     *
     * @param weights W, rows x columns; used, not modified
     * @param moment H, columns x columns; not modified
     */
    public LayerWork(double[] weights, double[] moment, int columns, Workers workers) {
        problem = new LayerProblem(weights, DenseMoment.of(moment, columns), workers);
        tiling = new Tiling(problem.rows(), columns, 1, GROUP);
    }

    private static RandomStream stream() {
        return RandomStream.of(1, "layer", "");
    }

    /**
     * From weights to codes, codewords and scales: 2 codebooks of 256, a beam of 1.
     *
     * @return the relative error
     * @throws IllegalStateException when the error of the result is another than what it says
     */
    public double quantize() {
        LayerResult result =
                LayerQuantizer.quantize(problem, tiling, LayerSettings.of(CODEBOOKS, ENTRIES, 1), stream());
        double loss = new LayerState(problem, result.weights()).loss();
        if (!(Math.abs(loss - result.loss()) <= 1e-9 * loss)) {
            throw new IllegalStateException("the result says a loss of " + result.loss() + ", it has " + loss);
        }
        return result.relativeError();
    }

    /** Makes a start for {@link #assign} and {@link #search}. */
    public void start() {
        AdditiveWeights weights =
                new ResidualInit(5, 64).of(problem.weights(), tiling, CODEBOOKS, ENTRIES, stream(), problem.workers());
        state = new LayerState(problem, weights);
        tiles = new KMeans(problem.weights(), GROUP, problem.workers());
        centroids = tiles.randomStart(ENTRIES, stream());
    }

    /** The nearest of 256 centroids for each tile, what a round of k-means costs. */
    public int[] assign() {
        return tiles.assign(centroids);
    }

    /** The distance to the centroids given by {@link #assign}, squared, and to all that are nearer: 0 when it is right. */
    public double excess(int[] nearest) {
        double excess = 0;
        double[] weights = problem.weights();
        for (int tile = 0; tile < nearest.length; tile++) {
            double least = Double.POSITIVE_INFINITY;
            for (int k = 0; k < ENTRIES; k++) {
                least = Math.min(least, distance(weights, tile, k));
            }
            excess += distance(weights, tile, nearest[tile]) - least;
        }
        return excess;
    }

    private double distance(double[] weights, int tile, int k) {
        double sum = 0;
        for (int i = 0; i < GROUP; i++) {
            double difference = weights[tile * GROUP + i] - centroids[k * GROUP + i];
            sum += difference * difference;
        }
        return sum;
    }

    /** One beam search with a beam of 1. */
    public int[] search() {
        BeamOrder order = BeamOrder.shuffled(tiling.tileColumns(), CODEBOOKS, stream());
        return new BeamSearch(state, order, 1).codes();
    }

    /** The loss with these codes over that of the start. */
    public double ratio(int[] codes) {
        AdditiveWeights weights = state.weights().copy();
        System.arraycopy(codes, 0, weights.codes(), 0, codes.length);
        return new LayerState(problem, weights).loss() / state.loss();
    }
}
