package dev.lowbit.pvtuning;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.matrix.scale.ScaleType;
import dev.lowbit.method.ModelWeights;
import dev.lowbit.tensor.DType;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Codebooks for all matrices of a model, in units of the root mean square of a row: residual k-means over {@link SampledRows}, then P and V steps on the
 * sample with the cost of every group in place of H. Each is learned when first asked for. For use by one thread.
 */
final class SharedCodebooks {
    private static final String PURPOSE = "pv-tuning.shared";
    /** Multiply-adds of a round of k-means, about. */
    private static final int ROUND_WORK = 1 << 26;

    private static final int FEWEST_POINTS_PER_CENTROID = 16;
    private static final int MOST_POINTS_PER_CENTROID = 128;
    private static final int ROUNDS = 15;
    private static final int REFINEMENTS = 4;
    private static final int ITERATIONS = 6;
    private static final int BEAM = 2;

    /** Of the mean cost of a group: less is taken for this. */
    private static final double LEAST_COST = 1e-6;

    private final ModelWeights model;
    private final long seed;
    private final Workers workers;
    private final Map<CodeShape, double[]> learned = new HashMap<>();
    private final Map<CodeShape, double[]> refined = new HashMap<>();
    private SampledRows sample;

    SharedCodebooks(ModelWeights model, long seed, Workers workers) {
        this.model = model;
        this.seed = seed;
        this.workers = workers;
    }

    /** The matrices that they are for. */
    List<ModelWeights.Shape> matrices() {
        return model.matrices();
    }

    /** C, K x M x g, every value exact in F16; not to be modified. */
    double[] codewords(CodeShape shape) {
        return learned.computeIfAbsent(shape, this::learn);
    }

    /** The same after {@link ModelRefinement}, where the model is small enough for that. */
    double[] refined(CodeShape shape) {
        if (!ModelRefinement.suits(model)) {
            return codewords(shape);
        }
        return refined.computeIfAbsent(
                shape,
                absent -> rounded(ModelRefinement.of(
                        model,
                        shape,
                        codewords(shape),
                        RandomStream.of(seed, PURPOSE + ".refined", shape.id()),
                        workers)));
    }

    private double[] learn(CodeShape shape) {
        if (sample == null) {
            sample = SampledRows.of(model);
        }
        SampledRows.Groups groups = sample.groups(shape.inGroup());
        if (groups.costs().length == 0) {
            return new double[shape.values()];
        }
        RandomStream stream = RandomStream.of(seed, PURPOSE, shape.id());
        AdditiveWeights start = start(shape, groups, stream);
        LayerState state = new LayerState(problem(groups, shape.inGroup(), start.scales()), start);
        for (int round = 0; round < REFINEMENTS; round++) {
            CodewordStep.apply(state, ITERATIONS);
            int[] codes = codes(state, shape, groups, stream);
            System.arraycopy(codes, 0, state.weights().codes(), 0, codes.length);
            state.recompute();
        }
        CodewordStep.apply(state, ITERATIONS);
        return rounded(state.weights().codewords());
    }

    private int[] codes(LayerState state, CodeShape shape, SampledRows.Groups groups, RandomStream stream) {
        if (shape.codebooks() == 1) {
            return new KMeans(groups.values(), shape.inGroup(), workers)
                    .assign(state.weights().codewords());
        }
        UnusedCodewords.replace(state);
        return new BeamSearch(state, BeamOrder.shuffled(1, shape.codebooks(), stream), BEAM).codes();
    }

    /** Residual k-means, all groups alike. */
    private AdditiveWeights start(CodeShape shape, SampledRows.Groups groups, RandomStream stream) {
        int width = shape.inGroup();
        ResidualTiles tiles = new ResidualTiles(groups.values().clone(), width, shape.codebooks());
        int points = Math.clamp(
                ROUND_WORK / (shape.entries() * width),
                FEWEST_POINTS_PER_CENTROID * shape.entries(),
                MOST_POINTS_PER_CENTROID * shape.entries());
        double[] codewords = new double[shape.values()];
        for (int m = 0; m < shape.codebooks(); m++) {
            KMeans some = new KMeans(tiles.drawn(points, stream), width, workers);
            double[] book = some.randomStart(shape.entries(), stream);
            some.improve(book, ROUNDS);
            System.arraycopy(book, 0, codewords, m * book.length, book.length);
            tiles.take(m, book, workers);
        }
        Tiling tiling = new Tiling(groups.costs().length, width, 1, width);
        return new AdditiveWeights(
                tiling, shape.codebooks(), shape.entries(), codewords, tiles.codes(), scales(groups));
    }

    /** Square roots of costs: with weights and scales multiplied by them, every group costs what it should. */
    private static double[] scales(SampledRows.Groups groups) {
        double mean = Arrays.stream(groups.costs()).average().orElseThrow();
        return Arrays.stream(groups.costs())
                .map(cost -> mean > 0 ? Math.sqrt(Math.max(cost / mean, LEAST_COST)) : 1)
                .toArray();
    }

    private LayerProblem problem(SampledRows.Groups groups, int width, double[] scales) {
        double[] weights = groups.values().clone();
        for (int i = 0; i < weights.length; i++) {
            weights[i] *= scales[i / width];
        }
        return new LayerProblem(weights, DiagonalMoment.identity(width), workers);
    }

    private static double[] rounded(double[] codewords) {
        double[] rounded = new double[codewords.length];
        Arrays.setAll(rounded, i -> ScaleType.round(DType.F16, (float) codewords[i]));
        return rounded;
    }
}
