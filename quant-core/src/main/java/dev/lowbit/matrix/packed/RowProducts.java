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
     * What codes stand for.
     *
     * @param same {@link RowDot#TABLE} entries for all rows, or null
     * @param source of a table for each group, or null
     */
    public record Tables(float[] same, Source source) {
        /** Fills in the tables of a row's groups, {@link RowDot#TABLE} entries each, from index {@code from} on. */
        @FunctionalInterface
        public interface Source {
            void load(int row, float[] tables, int from);
        }

        /** One table for all rows. */
        public static Tables same(float[] table) {
            return new Tables(table, null);
        }

        /** None: a code is what it stands for. */
        public static Tables none() {
            return new Tables(null, null);
        }

        /** A table for each group of each row. */
        public static Tables ofGroups(Source source) {
            return new Tables(null, source);
        }
    }

    /** Whether {@link #multiply} knows rows of so many codes of this width in groups of {@code width}. */
    public static boolean knows(int bits, int width, int columns, Tables tables) {
        boolean ofGroups = tables.source() != null;
        return RowDot.knows(bits, width, columns, ofGroups, !ofGroups && tables.same() == null);
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
        float[] inputs = RowDot.arrange(x.toArray(), bits);
        float[] outputs = new float[x.rows() * rows];
        workers.forEach(Math.ceilDiv(rows, ROWS_PER_TASK), task -> {
            boolean ofGroups = tables.source() != null;
            RowBlock block = new RowBlock(bits, columns, width, tables.same(), ofGroups, zeros != null, scales != null);
            float[] lanes = new float[RowDot.ROWS * RowDot.LANES];
            int end = Math.min(rows, (task + 1) * ROWS_PER_TASK);
            for (int row = task * ROWS_PER_TASK; row < end; row += RowDot.ROWS) {
                int some = Math.min(RowDot.ROWS, end - row);
                load(block, row, some, codes, tables, zeros, scales);
                for (int token = 0; token < x.rows(); token++) {
                    Arrays.fill(lanes, 0);
                    KERNEL.dot(block, inputs, token * columns, lanes);
                    for (int i = 0; i < some; i++) {
                        outputs[token * rows + row + i] = Lanes.sum(lanes, i * RowDot.LANES);
                    }
                }
            }
        });
        MemorySegment.copy(outputs, 0, y.segment(), ValueLayout.JAVA_FLOAT, 0, outputs.length);
    }

    private static void load(
            RowBlock block, int row, int some, MemorySegment codes, Tables tables, byte[] zeros, float[] scales) {
        long from = (long) row * block.bytes;
        MemorySegment.copy(codes, ValueLayout.JAVA_BYTE, from, block.codes, 0, some * block.bytes);
        for (int i = 0; tables.source() != null && i < some; i++) {
            tables.source().load(row + i, block.tables, i * block.groups * RowDot.TABLE);
        }
        if (zeros != null) {
            System.arraycopy(zeros, row * block.groups, block.zeros, 0, some * block.groups);
        }
        if (scales != null) {
            System.arraycopy(scales, row * block.groups, block.scales, 0, some * block.groups);
        }
    }
}
