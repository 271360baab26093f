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
        return LayerLoss.of(
                approximation.decode(), weights, moment, start.tiling().columns(), Workers.serial());
    }

    /** The gradient of L / O, 2 Δ H / O. */
    double[] gradient(AdditiveWeights approximation) {
        double[] delta = approximation.decode();
        for (int i = 0; i < delta.length; i++) {
            delta[i] -= weights[i];
        }
        double[] gradient = LayerLoss.product(delta, moment, start.tiling().columns(), Workers.serial());
        for (int i = 0; i < gradient.length; i++) {
            gradient[i] *= 2.0 / start.tiling().rows();
        }
        return gradient;
    }
}
