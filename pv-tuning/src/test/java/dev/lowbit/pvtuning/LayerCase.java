package dev.lowbit.pvtuning;

import dev.lowbit.GoldenFile;
import dev.lowbit.kernel.Workers;
import java.nio.file.Path;

/**
 * A layer of the golden data with a start.
 *
 * @param start of {@code init}; a copy every time
 */
record LayerCase(double[] weights, double[] moment, AdditiveWeights start) {
    /** By the name of its configuration, {@code <layer>_<representation>}, in the files beside {@code file}. */
    static LayerCase of(Path file, String configuration) {
        String layer = "layer_" + configuration.substring(0, configuration.indexOf('_'));
        try (GoldenFile problem = new GoldenFile(Golden.sibling(file, layer));
                GoldenFile init = new GoldenFile(Golden.sibling(file, "init"))) {
            return new LayerCase(problem.numbers("W"), problem.numbers("H"), Golden.weights(init, configuration));
        }
    }

    @Override
    public AdditiveWeights start() {
        return start.copy();
    }

    /** L. */
    double loss(AdditiveWeights approximation) {
        return new LayerState(problem(), approximation).loss();
    }

    /** The gradient of L / O, 2 Δ H / O. */
    double[] gradient(AdditiveWeights approximation) {
        return objective().at(approximation.decode()).gradient();
    }

    LayerProblem problem() {
        return new LayerProblem(weights, DenseMoment.of(moment, start.tiling().columns()), Workers.serial());
    }

    /** L / O by value and gradient. */
    Objective objective() {
        LayerProblem problem = problem();
        return approximation -> {
            double[] delta = approximation.clone();
            for (int i = 0; i < delta.length; i++) {
                delta[i] -= weights[i];
            }
            double[] product = problem.timesMoment(delta);
            double loss = 0;
            for (int i = 0; i < product.length; i++) {
                loss += delta[i] * product[i];
                product[i] *= 2.0 / start.tiling().rows();
            }
            return new Objective.Evaluation(loss / start.tiling().rows(), product);
        };
    }
}
