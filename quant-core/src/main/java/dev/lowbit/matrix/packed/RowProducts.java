package dev.lowbit.matrix.packed;

import dev.lowbit.kernel.Lanes;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/** Y = X Ŵᵀ for a few tokens, where rows are such that {@link RowDot} knows them. */
public final class RowProducts {
    private static final RowDot KERNEL = RowDot.get();
    private static final int ROWS_PER_TASK = 64;

    private RowProducts() {}

    /**
     * What the codes of a row stand for.
     *
     * @param step from a group's table to the next group's, 0 when all groups have one
     * @param tables of one row
     */
    public record Tables(int step, int tables, Source source) {
        /** Fills in the tables of a row, {@link RowDot#TABLE} entries each. */
        @FunctionalInterface
        public interface Source {
            void load(int row, float[] tables);
        }

        /** One table for all rows. */
        public static Tables same(float[] table) {
            return new Tables(0, 1, (row, tables) -> System.arraycopy(table, 0, tables, 0, RowDot.TABLE));
        }

        /** None: a code is what it stands for. */
        public static Tables none() {
            return new Tables(0, 0, (row, tables) -> {});
        }

        /** A table for each group of each row. */
        public static Tables ofGroups(int groups, Source source) {
            return new Tables(RowDot.TABLE, groups, source);
        }
    }

    /**
     * The product.
     *
     * @param codes bit stream of all codes, rows x columns
     * @param width codes of a group
     * @param zeros of all groups, unsigned; null for none
     * @param scales of all groups; null for 1
     * @param x tokens x columns; not modified
     * @param y tokens x rows; modified (overwritten)
     */
    public static void multiply(
            MemorySegment codes,
            int bits,
            int width,
            Tables tables,
            byte[] zeros,
            float[] scales,
            FloatMatrix x,
            FloatMatrix y,
            Workers workers) {
        int rows = y.columns();
        int columns = x.columns();
        int groups = columns / width;
        int bytes = columns / RowDot.codesInByte(bits);
        float[] inputs = RowDot.arrange(x.toArray(), bits);
        float[] outputs = new float[x.rows() * rows];
        workers.forEach(Math.ceilDiv(rows, ROWS_PER_TASK), task -> {
            byte[] packed = new byte[bytes + Packing.SLACK];
            float[] table = tables.tables() == 0 ? null : new float[tables.tables() * RowDot.TABLE];
            float[] zerosOfRow = zeros == null ? null : new float[groups + RowDot.LANES];
            float[] scalesOfRow = scales == null ? null : new float[groups + RowDot.LANES];
            float[] lanes = new float[RowDot.LANES];
            for (int row = task * ROWS_PER_TASK; row < Math.min(rows, (task + 1) * ROWS_PER_TASK); row++) {
                MemorySegment.copy(codes, ValueLayout.JAVA_BYTE, (long) row * bytes, packed, 0, bytes);
                tables.source().load(row, table);
                for (int g = 0; zeros != null && g < groups; g++) {
                    zerosOfRow[g] = zeros[row * groups + g] & 0xff;
                }
                if (scales != null) {
                    System.arraycopy(scales, row * groups, scalesOfRow, 0, groups);
                }
                for (int token = 0; token < x.rows(); token++) {
                    Arrays.fill(lanes, 0);
                    KERNEL.dot(
                            packed,
                            bits,
                            columns,
                            width,
                            table,
                            tables.step(),
                            zerosOfRow,
                            scalesOfRow,
                            inputs,
                            token * columns,
                            lanes);
                    outputs[token * rows + row] = Lanes.sum(lanes);
                }
            }
        });
        MemorySegment.copy(outputs, 0, y.segment(), ValueLayout.JAVA_FLOAT, 0, outputs.length);
    }
}
