package dev.lowbit.method;

import dev.lowbit.importance.Importance;
import dev.lowbit.tensor.FloatMatrix;
import java.util.List;
import java.util.function.BiConsumer;

/** The matrices of a job, for a method that learns something from all of them together. */
public interface ModelWeights {
    /**
     * A matrix.
     *
     * @param name the tensor's name
     * @param rows outputs
     * @param columns inputs
     */
    record Shape(String name, int rows, int columns) {
        /** rows * columns. */
        public long weights() {
            return (long) rows * columns;
        }
    }

    /** All matrices in the order of the job, at least one. */
    List<Shape> matrices();

    /**
     * Reads a matrix.
     *
     * @param visitor is given the weights, rows x columns, finite, and their importance, both valid during the call; modifies neither
     */
    void visit(Shape matrix, BiConsumer<FloatMatrix, Importance> visitor);
}
