package dev.lowbit.transformer;

import dev.lowbit.tensor.FloatMatrix;

/** Sees the input of every linear layer during a forward pass: what calibration is made of. */
@FunctionalInterface
public interface LinearObserver {
    /** Sees nothing. */
    LinearObserver NONE = (layer, x) -> {};

    /**
     * Called before {@code layer} multiplies.
     *
     * @param x tokens x inputs, valid during the call; not to be modified
     */
    void input(Linear layer, FloatMatrix x);
}
