package dev.lowbit.lqlora;

import dev.lowbit.importance.Importance;
import dev.lowbit.tensor.FloatMatrix;

/**
 * Evenly spaced rows of a matrix and of its importance: enough to tell which configurations cannot be worth an exact price.
 *
 * @param weights fewer rows, the same columns; owned
 * @param importance of those rows; its matrix, where it has one, is owned
 */
record RowSample(FloatMatrix weights, Importance importance) implements AutoCloseable {
    /** About {@code size} weights, at least one row. */
    static RowSample of(FloatMatrix w, Importance importance, long size) {
        int count = Math.clamp(Math.ceilDiv(size, w.columns()), 1, w.rows());
        return new RowSample(
                pick(w, count),
                importance instanceof Importance.Diagonal diagonal
                        ? Importance.diagonal(pick(diagonal.fisher(), count))
                        : importance);
    }

    private static FloatMatrix pick(FloatMatrix m, int count) {
        FloatMatrix rows = FloatMatrix.allocate(count, m.columns());
        for (int i = 0; i < count; i++) {
            rows.rows(i, 1).copyFrom(m.rows((int) ((long) i * m.rows() / count), 1));
        }
        return rows;
    }

    @Override
    public void close() {
        weights.close();
        if (importance instanceof Importance.Diagonal diagonal) {
            diagonal.fisher().close();
        }
    }
}
