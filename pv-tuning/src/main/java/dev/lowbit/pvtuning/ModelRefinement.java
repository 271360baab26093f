package dev.lowbit.pvtuning;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.method.ModelWeights;
import java.util.ArrayList;
import java.util.List;

/**
 * P and V steps on all layers of a model at once, with codewords that they share: codes by beam search under each layer's H, scales, and then the codewords
 * for the sum of the losses. For models that are small enough to be held with all their H.
 */
final class ModelRefinement {
    private static final long MOST_WEIGHTS = 1 << 22;
    private static final long MOST_MOMENTS = 1 << 22;
    private static final int ROUNDS = 4;
    private static final int ITERATIONS = 5;
    private static final int BEAM = 2;

    private ModelRefinement() {}

    /** Whether a model is small enough. */
    static boolean suits(ModelWeights model) {
        long weights = 0;
        long moments = 0;
        for (ModelWeights.Shape matrix : model.matrices()) {
            weights += matrix.weights();
            moments += (long) matrix.columns() * matrix.columns();
        }
        return weights <= MOST_WEIGHTS && moments <= MOST_MOMENTS;
    }

    /**
     * Better codewords.
     *
     * @param codewords K x M x g, in units of the root mean square of a row; not modified
     * @return the same in memory of its own
     */
    static double[] of(ModelWeights model, CodeShape shape, double[] codewords, RandomStream stream, Workers workers) {
        List<CodewordStep.Layer> layers = new ArrayList<>();
        for (ModelWeights.Shape matrix : model.matrices()) {
            model.visit(matrix, (weights, importance) -> {
                WeightedMoment moment = WeightedMoment.of(importance, weights.rows(), weights.columns(), workers);
                LayerProblem problem = moment.problem(weights, shape, workers);
                LayerState state = NearestStart.of(problem, weights, moment, shape, codewords, workers);
                layers.add(new CodewordStep.Layer(state, moment.unit()));
            });
        }
        for (int round = 0; round < ROUNDS; round++) {
            for (CodewordStep.Layer layer : layers) {
                LayerState state = layer.state();
                int groups = state.weights().tiling().tileColumns();
                BeamOrder order = BeamOrder.shuffled(groups, shape.codebooks(), stream);
                int[] codes = new BeamSearch(state, order, BEAM).codes();
                System.arraycopy(codes, 0, state.weights().codes(), 0, codes.length);
                state.recompute();
                ScaleStep.apply(state);
            }
            CodewordStep.apply(layers, ITERATIONS);
        }
        return layers.getFirst().state().weights().codewords();
    }
}
