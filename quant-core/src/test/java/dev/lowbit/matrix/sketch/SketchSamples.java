package dev.lowbit.matrix.sketch;

import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.tensor.FloatMatrix;

/** Sketches for tests: tables from the smallest to the largest weight of a group in equal steps, nearest codes. */
public final class SketchSamples {
    private SketchSamples() {}

    public static SketchMatrix matrix(FloatMatrix weights, SketchFormat format) {
        int rows = weights.rows();
        int columns = weights.columns();
        int k = format.entries();
        float[] wanted = new float[format.tableCount(rows, columns) * k];
        int width = format.groupColumns(columns);
        for (int table = 0; table < wanted.length / k; table++) {
            float smallest = Float.POSITIVE_INFINITY;
            float largest = Float.NEGATIVE_INFINITY;
            for (int j = 0; j < width; j++) {
                float w = weights.get(table / format.groups(), table % format.groups() * width + j);
                smallest = Math.min(smallest, w);
                largest = Math.max(largest, w);
            }
            for (int c = 0; c < k; c++) {
                wanted[table * k + c] = smallest + (largest - smallest) * c / (k - 1);
            }
        }
        StoredTables tables = StoredTables.round(wanted, k, format.tables()).orElseThrow();
        byte[] codes = new byte[rows * columns];
        for (int i = 0; i < codes.length; i++) {
            int table = i / columns * format.groups() + i % columns / width;
            float best = Float.POSITIVE_INFINITY;
            for (int c = 0; c < k; c++) {
                float distance = Math.abs(tables.values()[table * k + c] - weights.get(i / columns, i % columns));
                if (distance < best) {
                    best = distance;
                    codes[i] = (byte) c;
                }
            }
        }
        return SketchMatrix.of(rows, columns, format, PackedCodes.pack(codes, format.codeBits()), tables);
    }
}
