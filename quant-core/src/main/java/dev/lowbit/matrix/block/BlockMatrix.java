package dev.lowbit.matrix.block;

import dev.lowbit.codebook.Codebook;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.DecodedProducts;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A matrix stored as a code per weight and a scale per block: Ŵ[i, j] = codebook.value(code(i, j)) * scale(block of (i, j)). Immutable.
 * The decoded scales (a float per block) are made at the first use and kept.
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
    private final float[] superScales;
    private final float offset;
    private volatile float[] decodedScales;

    BlockMatrix(
            int rows,
            int columns,
            BlockFormat format,
            Codebook codebook,
            List<Part> parts,
            float[] superScales,
            float offset,
            float[] decodedScales) {
        this.rows = rows;
        this.columns = columns;
        this.format = format;
        this.geometry = format.geometry(rows, columns);
        this.table = new CodeTable(codebook);
        this.parts = List.copyOf(parts);
        this.codes = parts.getFirst().bytes();
        this.superScales = superScales;
        this.offset = offset;
        this.decodedScales = decodedScales;
    }

    /** From what the quantizer decided. */
    static BlockMatrix of(
            int rows, int columns, BlockFormat format, MemorySegment codes, EncodedScales scales, Codebook codebook) {
        List<Part> parts = new ArrayList<>();
        parts.add(Part.of(BlockFormat.CODES, DType.U8, codes));
        switch (format.scales()) {
            case ScaleFormat.OneLevel one -> parts.add(ScaleType.part(BlockFormat.SCALES, one.type(), scales.values()));
            case ScaleFormat.TwoLevel two -> {
                MemorySegment scaleCodes = PackedCodes.pack(scales.codes(), two.codeBits());
                parts.add(Part.of(BlockFormat.SCALE_CODES, DType.U8, scaleCodes));
                parts.add(ScaleType.part(BlockFormat.SUPER_SCALES, two.superType(), scales.superScales()));
                parts.add(ScaleType.part(BlockFormat.OFFSET, DType.F32, new float[] {scales.offset()}));
            }
        }
        if (format.codebook().isStored()) {
            parts.add(ScaleType.part(BlockFormat.CODEBOOK, DType.F16, codebook.values()));
        }
        return new BlockMatrix(
                rows, columns, format, codebook, parts, scales.superScales(), scales.offset(), scales.values());
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
        byte[] pair = new byte[2];
        int available = (int) Math.min(pair.length, codes.byteSize() - bit / Byte.SIZE);
        MemorySegment.copy(codes, ValueLayout.JAVA_BYTE, bit / Byte.SIZE, pair, 0, available);
        return ScalarBlockKernels.codeAt(pair, bit % Byte.SIZE, bits);
    }

    /** The scale code of every block, unsigned; empty with one level of scales. */
    public byte[] scaleCodes() {
        return format.scales() instanceof ScaleFormat.TwoLevel two
                ? PackedCodes.unpack(part(BlockFormat.SCALE_CODES), (int) geometry.blocks(), two.codeBits())
                : new byte[0];
    }

    /** The scale of every super-block; empty with one level of scales. */
    public float[] superScales() {
        return superScales.clone();
    }

    /** What every block's scale starts from; 0 with one level of scales. */
    public float offset() {
        return offset;
    }

    /** The decoded scale of every block. */
    public float[] blockScales() {
        return scales().clone();
    }

    private MemorySegment part(String name) {
        return parts.stream()
                .filter(part -> part.name().equals(name))
                .findFirst()
                .orElseThrow()
                .bytes();
    }

    private float[] scales() {
        float[] scales = decodedScales;
        if (scales == null) {
            scales = switch (format.scales()) {
                case ScaleFormat.OneLevel one -> ScaleType.read(one.type(), part(BlockFormat.SCALES));
                case ScaleFormat.TwoLevel two -> EncodedScales.decode(two, scaleCodes(), superScales, offset);
            };
            decodedScales = scales;
        }
        return scales;
    }

    @Override
    public void dequantize(int fromRow, FloatMatrix out, Workers workers) {
        DecodedProducts.checkRows(this, fromRow, out);
        float[] scales = scales();
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
                        scales,
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
        float[] scales = scales();
        float[] inputs = x.toArray();
        float[] outputs = new float[x.rows() * rows];
        workers.forEach(tasks(rows), task -> {
            PackedPieces pieces = new PackedPieces(geometry, codes, format.codeBits());
            float[] lanes = new float[BlockKernels.LANES];
            int end = Math.min(rows, (task + 1) * ROWS_PER_TASK);
            for (int token = 0; token < x.rows(); token++) {
                for (int row = task * ROWS_PER_TASK; row < end; row++) {
                    outputs[token * rows + row] = dot(pieces, row, scales, inputs, token * columns, lanes);
                }
            }
        });
        MemorySegment.copy(outputs, 0, y.segment(), ValueLayout.JAVA_FLOAT, 0, outputs.length);
    }

    /** One row times one token. */
    private float dot(PackedPieces pieces, int row, float[] scales, float[] inputs, int inputsOffset, float[] lanes) {
        long first = (long) row * columns;
        Arrays.fill(lanes, 0f);
        pieces.start(first, first + columns);
        while (pieces.next()) {
            KERNELS.dot(
                    pieces.packed(),
                    pieces.bitOffset(),
                    pieces.length(),
                    format.groupSize(),
                    scales,
                    pieces.block(),
                    table,
                    inputs,
                    inputsOffset + (int) (pieces.weight() - first),
                    lanes);
        }
        return BlockKernels.sumLanes(lanes);
    }

    @Override
    public void multiplyTransposed(FloatMatrix y, FloatMatrix x, Workers workers) {
        DecodedProducts.checkMultiplyTransposed(this, y, x);
        DecodedProducts.multiplyTransposed(this, y, x, workers);
    }
}
