package dev.lowbit.matrix.additive;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.Accuracy;
import dev.lowbit.matrix.DecodedProducts;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.lookup.LookupMatrix;
import dev.lowbit.matrix.lookup.LookupSource;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.packed.WideCodes;
import dev.lowbit.matrix.scale.EncodedScales;
import dev.lowbit.matrix.scale.StoredScales;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * A matrix of tiles that are sums of codewords: tile (p, q) is s (C[0][b] + C[1][b] + ...), float additions in the order of the codebooks and one
 * float multiplication by the scale. Immutable.
 *
 * <p>Products with up to {@link DecodedProducts#FEW_TOKENS} tokens go one of three ways that round differently: by {@link TableProducts} where these
 * suit, else by {@link DirectProducts} where those do, else by decoded rows. Format and shape alone decide, so the bits do not depend on who computes.
 */
public final class AdditiveMatrix implements QuantizedMatrix {
    private static final int ROWS_PER_TASK = 64;

    private final int rows;
    private final int columns;
    private final AdditiveFormat format;
    private final List<Part> parts;
    private final MemorySegment codes;
    private final StoredScales scales;
    private final Codewords codewords;

    AdditiveMatrix(
            int rows, int columns, AdditiveFormat format, List<Part> parts, StoredScales scales, Codewords codewords) {
        this.rows = rows;
        this.columns = columns;
        this.format = format;
        this.parts = List.copyOf(parts);
        this.codes = parts.getFirst().bytes();
        this.scales = scales;
        this.codewords = codewords;
    }

    /**
     * From what a quantizer decided. With P rows of Q tiles, K codebooks and M codewords as in {@link AdditiveFormat}:
     *
     * @param codes P x Q x K, row-major, each 0 to M - 1; not modified
     * @param scales P x {@link AdditiveFormat#scalesOfRow}, row-major
     * @param codebooks K x M x outGroup x inGroup, row-major, in units of the scale; rounded to F16; not modified
     * @throws InvalidRequestException when a codeword is no number or overflows F16, or the shape is impossible
     */
    public static AdditiveMatrix of(
            int rows, int columns, AdditiveFormat format, int[] codes, EncodedScales scales, float[] codebooks) {
        requireSize("scales", scales.values().length, format.scaleCount(rows, columns));
        requireSize("codes", codes.length, format.codeCount(rows, columns));
        requireSize(
                "values of codewords",
                codebooks.length,
                (long) format.codebooks() * format.entries() * format.tileSize());
        for (int i = 0; i < codes.length; i++) {
            if (codes[i] < 0 || codes[i] >= format.entries()) {
                throw new IllegalArgumentException(
                        "code " + codes[i] + " at index " + i + "; codes are 0 to " + (format.entries() - 1));
            }
        }
        Codewords words = Codewords.round(format, codebooks);
        StoredScales stored = StoredScales.of(format.scales(), scales);
        List<Part> parts = new ArrayList<>();
        parts.add(Part.of(AdditiveFormat.CODES, DType.U8, WideCodes.pack(codes, format.codeBits())));
        parts.addAll(stored.parts());
        parts.add(words.part());
        return new AdditiveMatrix(rows, columns, format, parts, stored, words);
    }

    /**
     * The parts of {@link AdditiveFormat#shareable}, which matrices of any shape may have in common.
     *
     * @param codebooks as in {@link #of}
     * @throws InvalidRequestException when a codeword is no number or overflows F16
     */
    public static List<Part> codebooks(AdditiveFormat format, float[] codebooks) {
        return List.of(Codewords.round(format, codebooks).part());
    }

    private static void requireSize(String what, long size, long needed) {
        if (size != needed) {
            throw new IllegalArgumentException(size + " " + what + ", the format needs " + needed);
        }
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
    public AdditiveFormat additiveFormat() {
        return format;
    }

    @Override
    public List<Part> parts() {
        return parts;
    }

    /** The codes of one row of tiles, Q x K, row-major; a copy. */
    public char[] codes(int tileRow) {
        if (tileRow < 0 || tileRow >= format.tileRows(rows)) {
            throw new IndexOutOfBoundsException("row " + tileRow + " of " + format.tileRows(rows) + " rows of tiles");
        }
        char[] row = new char[format.codesOfRow(columns)];
        unpack(tileRow, WideCodes.buffer(row.length, format.codeBits()), row, 0);
        return row;
    }

    /**
     * The codes of one row of tiles, Q x K, row-major.
     *
     * @param buffer of {@link WideCodes#buffer}; modified
     * @param out from {@code offset} on; modified
     */
    void unpack(int tileRow, byte[] buffer, char[] out, int offset) {
        int count = format.codesOfRow(columns);
        WideCodes.unpack(codes, (long) tileRow * count, count, format.codeBits(), buffer, out, offset);
    }

    /** P x {@link AdditiveFormat#scalesOfRow} scales, row-major. */
    public StoredScales scales() {
        return scales;
    }

    /** K x M x outGroup x inGroup values of codewords as F16 holds them, row-major; a copy. */
    public float[] codebooks() {
        return codewords.toArray();
    }

    Codewords codewords() {
        return codewords;
    }

    @Override
    public void dequantize(int fromRow, FloatMatrix out, Workers workers) {
        DecodedProducts.checkRows(this, fromRow, out);
        workers.forEach(Math.ceilDiv(out.rows(), ROWS_PER_TASK), task -> {
            RowDecoder decoder = new RowDecoder(this);
            int end = Math.min(out.rows(), (task + 1) * ROWS_PER_TASK);
            for (int i = task * ROWS_PER_TASK; i < end; i++) {
                MemorySegment.copy(
                        decoder.row(fromRow + i),
                        0,
                        out.segment(),
                        ValueLayout.JAVA_FLOAT,
                        (long) i * columns * Float.BYTES,
                        columns);
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
        float[] inputs = x.toArray();
        float[] outputs = new float[x.rows() * rows];
        if (TableProducts.suit(format, rows, columns)) {
            TableProducts products = new TableProducts(this, workers);
            for (int token = 0; token < x.rows(); token++) {
                products.multiply(inputs, token, outputs);
            }
        } else if (DirectProducts.suit(format)) {
            DirectProducts.multiply(this, inputs, x.rows(), outputs, workers);
        } else {
            multiplyByRows(x.rows(), inputs, outputs, workers);
        }
        MemorySegment.copy(outputs, 0, y.segment(), ValueLayout.JAVA_FLOAT, 0, outputs.length);
    }

    /** Decodes each row once and multiplies all tokens with it. */
    private void multiplyByRows(int tokens, float[] inputs, float[] outputs, Workers workers) {
        workers.forEach(Math.ceilDiv(rows, ROWS_PER_TASK), task -> {
            RowDecoder decoder = new RowDecoder(this);
            int end = Math.min(rows, (task + 1) * ROWS_PER_TASK);
            for (int row = task * ROWS_PER_TASK; row < end; row++) {
                decoder.row(row);
                for (int token = 0; token < tokens; token++) {
                    outputs[token * rows + row] = decoder.dot(inputs, token * columns);
                }
            }
        });
    }

    /** For {@link Accuracy#FAST} by lookup, where codes fit a byte and tiles are one row high. */
    @Override
    public QuantizedMatrix prepare(Accuracy accuracy, Workers workers) {
        if (accuracy == Accuracy.EXACT
                || format.codeBits() > LookupMatrix.MAX_CODEWORD_BITS
                || format.outGroup() != 1) {
            return this;
        }
        AdditiveKernels kernels = AdditiveKernels.get();
        return LookupMatrix.ofCodewords(
                this,
                format.scaleColumns() == 0 ? columns : format.scaleColumns(),
                format.inGroup(),
                format.codebooks(),
                format.codeBits(),
                (x, from, out, outFrom) -> kernels.products(codewords, x, from, out, outFrom),
                new LookupRows(),
                workers);
    }

    private final class LookupRows implements LookupSource {
        private final int codesOfRow = format.codesOfRow(columns);
        private final int scalesOfRow = format.scalesOfRow(columns);
        private final float[] scaleOf = scales.values();

        @Override
        public void codes(int row, byte[] out) {
            PackedCodes.unpack(codes, (long) row * codesOfRow, codesOfRow, format.codeBits(), out);
        }

        @Override
        public void scales(int row, float[] out) {
            System.arraycopy(scaleOf, row * scalesOfRow, out, 0, scalesOfRow);
        }
    }
}
