package dev.lowbit.matrix.block;

import dev.lowbit.codebook.Codebook;
import dev.lowbit.kernel.Lanes;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.Accuracy;
import dev.lowbit.matrix.DecodedProducts;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.lookup.LookupMatrix;
import dev.lowbit.matrix.lookup.LookupSource;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.packed.RowProducts;
import dev.lowbit.matrix.packed.RowProducts.Tables;
import dev.lowbit.matrix.scale.EncodedScales;
import dev.lowbit.matrix.scale.ScaleType;
import dev.lowbit.matrix.scale.StoredScales;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A matrix stored as a code per weight and a scale per block: Ŵ[i, j] = codebook.value(code(i, j)) * scale(block of (i, j)). Immutable.
 */
public final class BlockMatrix implements QuantizedMatrix {
    private static final BlockKernels KERNELS = BlockKernels.get();
    private static final int ROWS_PER_TASK = 64;

    private final int rows;
    private final int columns;
    private final BlockFormat format;
    private final BlockGeometry geometry;
    private final CodeTable table;
    private final List<Part> parts;
    private final MemorySegment codes;
    private final StoredScales scales;

    BlockMatrix(int rows, int columns, BlockFormat format, Codebook codebook, List<Part> parts, StoredScales scales) {
        this.rows = rows;
        this.columns = columns;
        this.format = format;
        this.geometry = format.geometry(rows, columns);
        this.table = new CodeTable(codebook);
        this.parts = List.copyOf(parts);
        this.codes = parts.getFirst().bytes();
        this.scales = scales;
    }

    /** From what the quantizer decided. */
    static BlockMatrix of(
            int rows, int columns, BlockFormat format, MemorySegment codes, EncodedScales scales, Codebook codebook) {
        List<Part> parts = new ArrayList<>();
        parts.add(Part.of(BlockFormat.CODES, DType.U8, codes));
        StoredScales stored = StoredScales.of(format.scales(), scales);
        parts.addAll(stored.parts());
        if (format.codebook().isStored()) {
            parts.add(ScaleType.part(BlockFormat.CODEBOOK, DType.F16, codebook.values()));
        }
        return new BlockMatrix(rows, columns, format, codebook, parts, stored);
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
    public BlockFormat blockFormat() {
        return format;
    }

    @Override
    public List<Part> parts() {
        return parts;
    }

    /** What the codes stand for. */
    public Codebook codebook() {
        return table.codebook;
    }

    /** The code of one weight. */
    public int code(int row, int column) {
        if (row < 0 || row >= rows || column < 0 || column >= columns) {
            throw new IndexOutOfBoundsException(
                    "(" + row + ", " + column + ") in a " + rows + " x " + columns + " matrix");
        }
        int bits = format.codeBits();
        long bit = ((long) row * columns + column) * bits;
        return PackedCodes.codeAt(codes, bit, bits);
    }

    /** The scales of its blocks. */
    public StoredScales scales() {
        return scales;
    }

    /** Blocks of a row where every row begins with a new one; 0 where blocks run on from row to row. */
    public int blocksOfRow() {
        boolean anew = geometry.lineLength() == columns || columns % format.groupSize() == 0;
        return anew ? Math.ceilDiv(columns, format.groupSize()) : 0;
    }

    @Override
    public void dequantize(int fromRow, FloatMatrix out, Workers workers) {
        DecodedProducts.checkRows(this, fromRow, out);
        float[] scaleOf = scales.values();
        long first = (long) fromRow * columns;
        workers.forEach(tasks(out.rows()), task -> {
            PackedPieces pieces = new PackedPieces(geometry, codes, format.codeBits());
            int end = Math.min(out.rows(), (task + 1) * ROWS_PER_TASK);
            pieces.start(first + (long) task * ROWS_PER_TASK * columns, first + (long) end * columns);
            while (pieces.next()) {
                KERNELS.dequantize(
                        pieces.packed(),
                        pieces.bitOffset(),
                        pieces.length(),
                        format.groupSize(),
                        scaleOf,
                        pieces.block(),
                        table,
                        out.segment(),
                        pieces.weight() - first);
            }
        });
    }

    private static int tasks(int rows) {
        return (rows + ROWS_PER_TASK - 1) / ROWS_PER_TASK;
    }

    @Override
    public void multiply(FloatMatrix x, FloatMatrix y, Workers workers) {
        DecodedProducts.checkMultiply(this, x, y);
        if (x.rows() > DecodedProducts.FEW_TOKENS) {
            DecodedProducts.multiply(this, x, y, workers);
            return;
        }
        Tables tables = Tables.same(table.cyclic);
        if (RowProducts.knows(format.codeBits(), format.groupSize(), columns, tables)) {
            RowProducts.multiply(
                    codes, format.codeBits(), format.groupSize(), tables, null, scales.values(), x, y, workers);
            return;
        }
        float[] scaleOf = scales.values();
        float[] inputs = x.toArray();
        float[] outputs = new float[x.rows() * rows];
        workers.forEach(tasks(rows), task -> {
            PackedPieces pieces = new PackedPieces(geometry, codes, format.codeBits());
            float[] lanes = new float[BlockKernels.LANES];
            int end = Math.min(rows, (task + 1) * ROWS_PER_TASK);
            for (int token = 0; token < x.rows(); token++) {
                for (int row = task * ROWS_PER_TASK; row < end; row++) {
                    outputs[token * rows + row] = dot(pieces, row, scaleOf, inputs, token * columns, lanes);
                }
            }
        });
        MemorySegment.copy(outputs, 0, y.segment(), ValueLayout.JAVA_FLOAT, 0, outputs.length);
    }

    /** For {@link Accuracy#FAST} by lookup, where codes have at most 4 bits and blocks begin anew in each row. */
    @Override
    public QuantizedMatrix prepare(Accuracy accuracy, Workers workers) {
        boolean ofRows = format.layout() == BlockLayout.ROW || columns % format.groupSize() == 0;
        if (accuracy == Accuracy.EXACT || format.codeBits() > LookupMatrix.MAX_BITS || !ofRows) {
            return this;
        }
        int group = Math.min(columns, format.groupSize());
        return LookupMatrix.ofCodes(this, group, table.values, new LookupRows(), workers);
    }

    private final class LookupRows implements LookupSource {
        private final int blocksOfRow = Math.ceilDiv(columns, format.groupSize());
        private final float[] scaleOf = scales.values();

        @Override
        public void codes(int row, byte[] out) {
            PackedCodes.unpack(codes, (long) row * columns, columns, format.codeBits(), out);
        }

        @Override
        public void scales(int row, float[] out) {
            System.arraycopy(scaleOf, row * blocksOfRow, out, 0, blocksOfRow);
        }
    }

    /** One row times one token. */
    private float dot(PackedPieces pieces, int row, float[] scaleOf, float[] inputs, int inputsOffset, float[] lanes) {
        long first = (long) row * columns;
        Arrays.fill(lanes, 0f);
        pieces.start(first, first + columns);
        while (pieces.next()) {
            KERNELS.dot(
                    pieces.packed(),
                    pieces.bitOffset(),
                    pieces.length(),
                    format.groupSize(),
                    scaleOf,
                    pieces.block(),
                    table,
                    inputs,
                    inputsOffset + (int) (pieces.weight() - first),
                    lanes);
        }
        return Lanes.sum(lanes);
    }
}
