package dev.lowbit.pvtuning;

import java.util.List;

/**
 * A quantized layer.
 *
 * @param loss L
 * @param relativeError ρ = L / tr(W H Wᵀ), 0 where L is nothing
 * @param steps all of them, in order
 */
record LayerResult(AdditiveWeights weights, double loss, double relativeError, List<LayerStep> steps) {
    LayerResult {
        steps = List.copyOf(steps);
    }
}
