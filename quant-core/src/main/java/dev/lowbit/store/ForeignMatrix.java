package dev.lowbit.store;

import java.util.List;

/**
 * A matrix that the source holds in another compressed form, as several tensors.
 *
 * @param choice its name in the output and how it is to be stored
 * @param rows outputs
 * @param columns inputs
 * @param tensors those of the source that it replaces, at least one; its parts stand in the file of the first
 */
public record ForeignMatrix(MatrixChoice choice, int rows, int columns, List<String> tensors) {
    public ForeignMatrix {
        tensors = List.copyOf(tensors);
    }
}
