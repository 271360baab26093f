package dev.lowbit.matrix.affine;

import dev.lowbit.kernel.Lanes;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.Accuracy;
import dev.lowbit.matrix.DecodedProducts;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.lookup.LookupMatrix;
import dev.lowbit.matrix.lookup.LookupSource;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.packed.Packing;
import dev.lowbit.matrix.packed.RowProducts;
import dev.lowbit.matrix.packed.RowProducts.Tables;
import dev.lowbit.matrix.scale.EncodedScales;
import dev.lowbit.matrix.scale.StoredScales;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A matrix of integers on an affine grid: Ŵ[i, j] = s (q - z), one float multiplication of the scale by an exact small integer, with s
 * and z of the group of (i, j). Immutable.
 */
public final class AffineMatrix implements QuantizedMatrix {
    private static final AffineKernels KERNELS = AffineKernels.get();
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int ROWS_PER_TASK = 64;

    private final int rows;
    private final int columns;
    private final AffineFormat format;
    private final List<Part> parts;
    private final MemorySegment codes;
    private final StoredScales scales;
    private final byte[] zeros;
    private final int[] groupIndex;

    AffineMatrix(
            int rows,
            int columns,
            AffineFormat format,
            List<Part> parts,
            StoredScales scales,
            byte[] zeros,
            int[] groupIndex) {
        this.rows = rows;
        this.columns = columns;
        this.format = format;
        this.parts = List.copyOf(parts);
        this.codes = parts.getFirst().bytes();
        this.scales = scales;
        this.zeros = zeros;
        this.groupIndex = groupIndex;
    }

    /**
     * From what a quantizer decided.
     *
     * @param codes bit stream of all codes, row-major; used, not copied
     * @param scales one per group, rows after rows
     * @param zeros one per group, 0 to L; empty when the format is symmetric
     * @param groupIndex for each column its group within a row; empty unless the format is indexed
     */
    public static AffineMatrix of(
            int rows,
            int columns,
            AffineFormat format,
            MemorySegment codes,
            EncodedScales scales,
            byte[] zeros,
            int[] groupIndex) {
        int groups = format.groups(rows, columns);
        requireSize("bytes of codes", codes.byteSize(), PackedCodes.bytes((long) rows * columns, format.codeBits()));
        requireSize("scales", scales.values().length, groups);
        requireSize("zero points", zeros.length, format.symmetric() ? 0 : groups);
        requireSize("group numbers", groupIndex.length, format.indexed() ? columns : 0);
        List<Part> parts = new ArrayList<>();
        parts.add(Part.of(AffineFormat.CODES, DType.U8, codes));
        StoredScales stored = StoredScales.of(format.scales(), scales);
        parts.addAll(stored.parts());
        if (!format.symmetric()) {
            parts.add(Part.of(AffineFormat.ZEROS, DType.U8, PackedCodes.pack(zeros, format.codeBits())));
        }
        if (format.indexed()) {
            MemorySegment index = MemorySegment.ofArray(new byte[groupIndex.length * Integer.BYTES]);
            for (int j = 0; j < groupIndex.length; j++) {
                index.setAtIndex(INT, j, groupIndex[j]);
            }
            parts.add(Part.of(AffineFormat.GROUP_INDEX, DType.I32, index));
        }
        return new AffineMatrix(
                rows,
                columns,
                format,
                parts,
                stored,
                format.symmetric() ? middles(format, rows, columns) : zeros.clone(),
                groupIndex.clone());
    }

    private static void requireSize(String what, long size, long needed) {
        if (size != needed) {
            throw new IllegalArgumentException(size + " " + what + ", the format needs " + needed);
        }
    }

    /**
     * The same zero points with other codes and scales.
     *
     * @param levels a code for each weight, row-major; not modified
     */
    AffineMatrix with(byte[] levels, EncodedScales others) {
        MemorySegment packed = PackedCodes.pack(levels, format.codeBits());
        return of(rows, columns, format, packed, others, format.symmetric() ? new byte[0] : zeros, groupIndex);
    }

    /** The zero points of a symmetric format. */
    static byte[] middles(AffineFormat format, int rows, int columns) {
        byte[] zeros = new byte[format.groups(rows, columns)];
        Arrays.fill(zeros, (byte) format.middle());
        return zeros;
    }

    static int[] readIndex(MemorySegment bytes) {
        int[] index = new int[Math.toIntExact(bytes.byteSize() / Integer.BYTES)];
        for (int j = 0; j < index.length; j++) {
            index[j] = bytes.getAtIndex(INT, j);
        }
        return index;
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
    public AffineFormat affineFormat() {
        return format;
    }

    @Override
    public List<Part> parts() {
        return parts;
    }

    /** The code of one weight. */
    public int code(int row, int column) {
        if (row < 0 || row >= rows || column < 0 || column >= columns) {
            throw new IndexOutOfBoundsException(
                    "(" + row + ", " + column + ") in a " + rows + " x " + columns + " matrix");
        }
        return PackedCodes.codeAt(codes, ((long) row * columns + column) * format.codeBits(), format.codeBits());
    }

    /** The codes of one row, unsigned. */
    public byte[] codes(int row) {
        byte[] unpacked = new byte[columns];
        PackedCodes.unpack(codes, (long) row * columns, columns, format.codeBits(), unpacked);
        return unpacked;
    }

    /** The scales of its groups, rows after rows. */
    public StoredScales scales() {
        return scales;
    }

    /** The zero point of every group, rows after rows; a copy. */
    public byte[] zeros() {
        return zeros.clone();
    }

    /** The group of a column within its row. */
    public int group(int column) {
        return format.indexed() ? groupIndex[column] : column / format.groupColumns(columns);
    }

    /** The codes of one row in an array of the caller, which has {@link Packing#SLACK} bytes behind them. */
    private void unpack(int row, byte[] packed, byte[] out) {
        int bits = format.codeBits();
        long firstBit = (long) row * columns * bits;
        long lastByte = (firstBit + (long) columns * bits - 1) / Byte.SIZE;
        int bytes = (int) (lastByte - firstBit / Byte.SIZE + 1);
        MemorySegment.copy(codes, ValueLayout.JAVA_BYTE, firstBit / Byte.SIZE, packed, 0, bytes);
        Packing.get().unpack(packed, (int) (firstBit % Byte.SIZE), columns, bits, out, 0);
    }

    private byte[] packedRow() {
        return new byte[(int) PackedCodes.bytes(columns, format.codeBits()) + 1 + Packing.SLACK];
    }

    @Override
    public void dequantize(int fromRow, FloatMatrix out, Workers workers) {
        DecodedProducts.checkRows(this, fromRow, out);
        float[] scaleOf = scales.values();
        workers.forEach(Math.ceilDiv(out.rows(), ROWS_PER_TASK), task -> {
            byte[] packed = packedRow();
            byte[] unpacked = new byte[columns + Packing.SLACK];
            float[] row = new float[columns];
            int end = Math.min(out.rows(), (task + 1) * ROWS_PER_TASK);
            for (int i = task * ROWS_PER_TASK; i < end; i++) {
                unpack(fromRow + i, packed, unpacked);
                decode(fromRow + i, unpacked, scaleOf, row);
                MemorySegment.copy(
                        row, 0, out.segment(), ValueLayout.JAVA_FLOAT, (long) i * columns * Float.BYTES, columns);
            }
        });
    }

    private void decode(int row, byte[] unpacked, float[] scaleOf, float[] out) {
        int first = row * format.groupsOfRow(columns);
        if (format.indexed()) {
            for (int j = 0; j < columns; j++) {
                int group = first + groupIndex[j];
                out[j] = scaleOf[group] * ((unpacked[j] & 0xff) - (zeros[group] & 0xff));
            }
            return;
        }
        int width = format.groupColumns(columns);
        for (int start = 0, group = first; start < columns; start += width, group++) {
            int count = Math.min(width, columns - start);
            KERNELS.decode(unpacked, start, count, scaleOf[group], zeros[group] & 0xff, out);
        }
    }

    @Override
    public void multiply(FloatMatrix x, FloatMatrix y, Workers workers) {
        DecodedProducts.checkMultiply(this, x, y);
        if (x.rows() > DecodedProducts.FEW_TOKENS || format.indexed()) {
            DecodedProducts.multiply(this, x, y, workers);
            return;
        }
        int width = format.groupColumns(columns);
        if (RowProducts.knows(format.codeBits(), width, columns, Tables.none())) {
            RowProducts.multiply(codes, format.codeBits(), width, Tables.none(), zeros, scales.values(), x, y, workers);
            return;
        }
        float[] scaleOf = scales.values();
        float[] inputs = x.toArray();
        float[] outputs = new float[x.rows() * rows];
        boolean whole = AffineKernels.hasDotOfRow(columns, format.codeBits(), width);
        workers.forEach(Math.ceilDiv(rows, ROWS_PER_TASK), task -> {
            byte[] packed = packedRow();
            byte[] unpacked = new byte[whole ? 0 : columns + Packing.SLACK];
            float[] lanes = new float[AffineKernels.LANES];
            int end = Math.min(rows, (task + 1) * ROWS_PER_TASK);
            for (int row = task * ROWS_PER_TASK; row < end; row++) {
                int bitOffset = 0;
                if (whole) {
                    bitOffset = PackedCodes.load(codes, (long) row * columns, columns, format.codeBits(), packed);
                } else {
                    unpack(row, packed, unpacked);
                }
                for (int token = 0; token < x.rows(); token++) {
                    Arrays.fill(lanes, 0f);
                    if (whole) {
                        dotOfRow(row, packed, bitOffset, scaleOf, inputs, token * columns, lanes);
                    } else {
                        int group = row * format.groupsOfRow(columns);
                        KERNELS.dotOfCodes(
                                unpacked, columns, width, scaleOf, zeros, group, inputs, token * columns, lanes);
                    }
                    outputs[token * rows + row] = Lanes.sum(lanes);
                }
            }
        });
        MemorySegment.copy(outputs, 0, y.segment(), ValueLayout.JAVA_FLOAT, 0, outputs.length);
    }

    /** For {@link Accuracy#FAST} by lookup, where codes have at most 4 bits and columns lie in the order of their groups. */
    @Override
    public QuantizedMatrix prepare(Accuracy accuracy, Workers workers) {
        if (accuracy == Accuracy.EXACT || format.codeBits() > LookupMatrix.MAX_BITS || format.indexed()) {
            return this;
        }
        int width = format.groupColumns(columns);
        return LookupMatrix.ofGrid(this, width, format.codeBits(), new LookupRows(), workers);
    }

    /** Codes around the middle; what the zero point is away from it is an offset. */
    private final class LookupRows implements LookupSource {
        private final int groups = format.groupsOfRow(columns);
        private final float[] scaleOf = scales.values();

        @Override
        public void codes(int row, byte[] out) {
            PackedCodes.unpack(codes, (long) row * columns, columns, format.codeBits(), out);
        }

        @Override
        public void scales(int row, float[] out) {
            System.arraycopy(scaleOf, row * groups, out, 0, groups);
        }

        @Override
        public boolean hasOffsets() {
            return !format.symmetric();
        }

        @Override
        public void offsets(int row, float[] out) {
            for (int g = 0; g < groups; g++) {
                int group = row * groups + g;
                out[g] = scaleOf[group] * (format.middle() - (zeros[group] & 0xff));
            }
        }
    }

    private void dotOfRow(
            int row, byte[] packed, int bitOffset, float[] scaleOf, float[] inputs, int inputsOffset, float[] lanes) {
        int group = row * format.groupsOfRow(columns);
        int width = format.groupColumns(columns);
        KERNELS.dotOfRow(
                packed,
                bitOffset,
                columns,
                format.codeBits(),
                width,
                scaleOf,
                zeros,
                group,
                inputs,
                inputsOffset,
                lanes);
    }
}
