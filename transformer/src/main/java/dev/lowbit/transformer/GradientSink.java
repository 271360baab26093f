package dev.lowbit.transformer;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;

/**
 * Takes what the backward pass finds, parameter by parameter, in a fixed order: last layer first. One pass may report a name
 * more than once (a tied embedding); gradients add up.
 */
public interface GradientSink {
    /** Whether the gradient of a parameter is wanted at all. */
    boolean wants(String name);

    /**
     * A linear layer saw {@code x} and the loss changes with its output by {@code dy}: the dense gradient of its effective
     * weight is dyᵀ x.
     *
     * @param x tokens x inputs; not modified
     * @param dy tokens x outputs; not modified
     */
    void linear(Linear layer, FloatMatrix x, FloatMatrix dy, Workers workers);

    /** The gradient of a norm's weight or of a bias. */
    void vector(String name, float[] gradient);

    /** Which table rows are taken from. */
    enum Table {
        /** The embedding, vocabulary x hidden. */
        TOKENS,
        /** The learned positions, context x hidden. */
        POSITIONS
    }

    /**
     * Row {@code indices[t]} of a table was used for token t.
     *
     * @param dx tokens x hidden; not modified
     */
    void rows(Table table, String name, int[] indices, FloatMatrix dx);
}
