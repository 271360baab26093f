package dev.lowbit.matrix.sketch;

import dev.lowbit.kernel.Lanes;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.DecodedProducts;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.packed.Packing;
import dev.lowbit.matrix.packed.RowDot;
import dev.lowbit.matrix.packed.RowProducts;
import dev.lowbit.matrix.packed.RowProducts.Tables;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A sketched matrix: Ŵ[i, j] = Z[i, g(j), C[i, j]], a value of the table of the row's group for each weight. Immutable; {@link #with(StoredTables)}
 * gives the same codes other tables, which is what another task of a fine-tuned model is.
 */
public final class SketchMatrix implements QuantizedMatrix {
    private static final SketchKernels KERNELS = SketchKernels.get();
    private static final int ROWS_PER_TASK = 64;

    private final int rows;
    private final int columns;
    private final SketchFormat format;
    private final int groupColumns;
    private final List<Part> parts;
    private final MemorySegment codes;
    private final StoredTables tables;

    SketchMatrix(int rows, int columns, SketchFormat format, List<Part> parts, StoredTables tables) {
        this.rows = rows;
        this.columns = columns;
        this.format = format;
        this.groupColumns = format.groupColumns(columns);
        this.parts = List.copyOf(parts);
        this.codes = parts.getFirst().bytes();
        this.tables = tables;
    }

    /**
     * From what a quantizer decided.
     *
     * @param codes bit stream of all codes, row-major; used, not copied
     * @param tables rows x groups of 2^b entries, stored as the format says
     */
    public static SketchMatrix of(
            int rows, int columns, SketchFormat format, MemorySegment codes, StoredTables tables) {
        long bytes = PackedCodes.bytes((long) rows * columns, format.codeBits());
        int values = format.tableCount(rows, columns) * format.entries();
        if (codes.byteSize() != bytes
                || tables.values().length != values
                || tables.entries() != format.entries()
                || !tables.format().equals(format.tables())) {
            throw new IllegalArgumentException(format.id() + " of " + rows + " x " + columns + " needs " + bytes
                    + " bytes of codes and " + values + " entries as "
                    + format.tables().id() + "; got "
                    + codes.byteSize() + " and " + tables.values().length + " as "
                    + tables.format().id());
        }
        List<Part> parts = new ArrayList<>();
        parts.add(Part.of(SketchFormat.CODES, DType.U8, codes));
        parts.addAll(tables.parts());
        return new SketchMatrix(rows, columns, format, parts, tables);
    }

    /**
     * The same codes, not copied, with other tables.
     *
     * @param others as many entries, stored in any way
     */
    public SketchMatrix with(StoredTables others) {
        return of(rows, columns, format.with(others.format()), codes, others);
    }

    @Override
    public int rows() {
        return rows;
    }

    @Override
    public int columns() {
        return columns;
    }

    @Override
    public String format() {
        return format.id();
    }

    /** The format as a value. */
    public SketchFormat sketchFormat() {
        return format;
    }

    @Override
    public List<Part> parts() {
        return parts;
    }

    /** rows x groups tables. */
    public StoredTables tables() {
        return tables;
    }

    /** All codes, rows x columns. */
    public byte[] codes() {
        return PackedCodes.unpack(codes, Math.multiplyExact(rows, columns), format.codeBits());
    }

    /** What a group's codes stand for, again and again, as kernels want it. */
    private void load(int row, int group, float[] table) {
        int entries = format.entries();
        int from = (row * format.groups() + group) * entries;
        for (int i = 0; i < table.length; i += entries) {
            System.arraycopy(tables.values(), from, table, i, entries);
        }
    }

    /** What the codes of all groups of a row stand for, as {@link RowDot} wants it. */
    private void load(int row, float[] all, int from) {
        int entries = format.entries();
        int tablesFrom = row * format.groups() * entries;
        for (int i = 0; i < format.groups() * RowDot.TABLE; i += entries) {
            int group = i / RowDot.TABLE;
            System.arraycopy(tables.values(), tablesFrom + group * entries, all, from + i, entries);
        }
    }

    private byte[] packedGroup() {
        return new byte[(int) PackedCodes.bytes(groupColumns, format.codeBits()) + 1 + Packing.SLACK];
    }

    private int load(int row, int group, byte[] packed) {
        long first = (long) row * columns + (long) group * groupColumns;
        return PackedCodes.load(codes, first, groupColumns, format.codeBits(), packed);
    }

    @Override
    public void dequantize(int fromRow, FloatMatrix out, Workers workers) {
        DecodedProducts.checkRows(this, fromRow, out);
        workers.forEach(Math.ceilDiv(out.rows(), ROWS_PER_TASK), task -> {
            byte[] packed = packedGroup();
            float[] table = new float[SketchKernels.LANES];
            int end = Math.min(out.rows(), (task + 1) * ROWS_PER_TASK);
            for (int i = task * ROWS_PER_TASK; i < end; i++) {
                for (int group = 0; group < format.groups(); group++) {
                    int bitOffset = load(fromRow + i, group, packed);
                    load(fromRow + i, group, table);
                    long at = (long) i * columns + (long) group * groupColumns;
                    KERNELS.decode(packed, bitOffset, groupColumns, format.codeBits(), table, out.segment(), at);
                }
            }
        });
    }

    @Override
    public void multiply(FloatMatrix x, FloatMatrix y, Workers workers) {
        DecodedProducts.checkMultiply(this, x, y);
        if (x.rows() > DecodedProducts.FEW_TOKENS) {
            DecodedProducts.multiply(this, x, y, workers);
            return;
        }
        Tables ofRows = Tables.ofGroups(this::load);
        if (RowProducts.knows(format.codeBits(), groupColumns, columns, ofRows)) {
            RowProducts.multiply(codes, format.codeBits(), groupColumns, ofRows, null, null, x, y, workers);
            return;
        }
        int tokens = x.rows();
        float[] inputs = x.toArray();
        float[] outputs = new float[tokens * rows];
        workers.forEach(Math.ceilDiv(rows, ROWS_PER_TASK), task -> {
            byte[] packed = packedGroup();
            float[] table = new float[SketchKernels.LANES];
            float[][] lanes = new float[tokens][SketchKernels.LANES];
            int end = Math.min(rows, (task + 1) * ROWS_PER_TASK);
            for (int row = task * ROWS_PER_TASK; row < end; row++) {
                for (float[] sums : lanes) {
                    Arrays.fill(sums, 0);
                }
                for (int group = 0; group < format.groups(); group++) {
                    int bitOffset = load(row, group, packed);
                    load(row, group, table);
                    for (int token = 0; token < tokens; token++) {
                        int at = token * columns + group * groupColumns;
                        KERNELS.dot(
                                packed, bitOffset, groupColumns, format.codeBits(), table, inputs, at, lanes[token]);
                    }
                }
                for (int token = 0; token < tokens; token++) {
                    outputs[token * rows + row] = Lanes.sum(lanes[token]);
                }
            }
        });
        y.copyFrom(FloatMatrix.wrap(tokens, rows, outputs));
    }
}
