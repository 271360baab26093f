package dev.lowbit.importance;

import dev.lowbit.tensor.FloatMatrix;

/**
 * Evenly spaced rows of a matrix and of its importance: enough to tell which formats cannot be worth an exact price.
 *
 * @param weights fewer rows, the same columns; owned
 * @param importance of those rows; its matrix, where it has one, is owned
 */
public record RowSample(FloatMatrix weights, Importance importance) implements AutoCloseable {
    /**
     * About {@code size} weights, at least one row.
     *
     * @param w rows x columns; not modified
     * @param importance of all of {@code w}
     */
    public static RowSample of(FloatMatrix w, Importance importance, long size) {
        int count = Math.clamp(Math.ceilDiv(size, w.columns()), 1, w.rows());
        int[] rows = new int[count];
        for (int i = 0; i < count; i++) {
            rows[i] = (int) ((long) i * w.rows() / count);
        }
        return new RowSample(
                pick(w, rows),
                switch (importance) {
                    case Importance.Uniform uniform -> uniform;
                    case Importance.Diagonal diagonal -> Importance.diagonal(pick(diagonal.fisher(), rows));
                    case Hessian hessian -> hessian.rows(rows);
                });
    }

    private static FloatMatrix pick(FloatMatrix m, int[] rows) {
        FloatMatrix picked = FloatMatrix.allocate(rows.length, m.columns());
        for (int i = 0; i < rows.length; i++) {
            picked.rows(i, 1).copyFrom(m.rows(rows[i], 1));
        }
        return picked;
    }

    @Override
    public void close() {
        weights.close();
        importance.diagonal().ifPresent(FloatMatrix::close);
    }
}
