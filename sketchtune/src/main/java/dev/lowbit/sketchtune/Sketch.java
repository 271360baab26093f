package dev.lowbit.sketchtune;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;

/**
 * A sketch that is being learned: tables and codes in plain arrays, which the steps modify.
 *
 * @param rows m
 * @param columns n
 * @param groups G, dividing n
 * @param entries k of a table
 * @param tables Z, m x G x k
 * @param codes C, m x n, each below k
 */
record Sketch(int rows, int columns, int groups, int entries, double[] tables, byte[] codes) {
    /** All zero. */
    static Sketch empty(int rows, int columns, int groups, int entries) {
        int size = Math.multiplyExact(rows, Math.multiplyExact(groups, entries));
        return new Sketch(
                rows, columns, groups, entries, new double[size], new byte[Math.multiplyExact(rows, columns)]);
    }

    Sketch copy() {
        return new Sketch(rows, columns, groups, entries, tables.clone(), codes.clone());
    }

    /** Columns of a group. */
    int groupColumns() {
        return columns / groups;
    }

    /** Entries of a row, G k. */
    int rowEntries() {
        return groups * entries;
    }

    /** Which of a row's entries a code of this column means, beside the code itself. */
    int table(int column) {
        return column / groupColumns() * entries;
    }

    /** {@link #table} of all columns, for loops over them. */
    int[] tablesOfColumns() {
        int[] first = new int[columns];
        for (int j = 0; j < columns; j++) {
            first[j] = table(j);
        }
        return first;
    }

    /** Ŵ[i, j]. */
    double weight(int row, int column) {
        return tables[row * rowEntries() + table(column) + codes[row * columns + column]];
    }

    /** The entry of a table that is nearest to a value, of equal ones the first. */
    static byte nearest(double[] tables, int from, int entries, double value) {
        int best = 0;
        double smallest = Math.abs(tables[from] - value);
        for (int c = 1; c < entries; c++) {
            double distance = Math.abs(tables[from + c] - value);
            if (distance < smallest) {
                smallest = distance;
                best = c;
            }
        }
        return (byte) best;
    }

    /**
     * W - Ŵ.
     *
     * @param weights W; not modified
     * @param out m x n; modified (overwritten)
     */
    void residual(FloatMatrix weights, FloatMatrix out, Workers workers) {
        workers.forEach(rows, i -> {
            float[] row = weights.rows(i, 1).toArray();
            for (int j = 0; j < columns; j++) {
                row[j] = (float) (row[j] - weight(i, j));
            }
            out.rows(i, 1).copyFrom(FloatMatrix.wrap(1, columns, row));
        });
    }

    /** The entries in single precision. */
    float[] floats() {
        float[] floats = new float[tables.length];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = (float) tables[i];
        }
        return floats;
    }
}
