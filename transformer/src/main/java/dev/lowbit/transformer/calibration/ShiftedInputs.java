package dev.lowbit.transformer.calibration;

import dev.lowbit.tensor.FloatMatrix;

/**
 * Moments over all tokens of the inputs x̂ that a layer sees behind compressed layers, where the model itself has x.
 *
 * @param secondMoment E[x̂ x̂ᵀ], inputs x inputs
 * @param shift E[(x - x̂) x̂ᵀ], inputs x inputs; zero when nothing before the layer is compressed
 */
public record ShiftedInputs(FloatMatrix secondMoment, FloatMatrix shift) implements AutoCloseable {
    @Override
    public void close() {
        secondMoment.close();
        shift.close();
    }
}
