package dev.lowbit.matrix.additive;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.CodeRounding;
import dev.lowbit.matrix.DecodedProducts;
import dev.lowbit.matrix.LiveCodes;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.scale.LiveScales;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * An additive matrix whose codewords, scales and codes may be changed between products: tile (p, q) is s Σ_m C[m][b[p, q, m]], linear in the
 * codewords and in the scales. Several may have one and the same memory of codewords.
 */
public final class LiveAdditive implements LiveCodes, AutoCloseable {
    private static final AdditiveKernels KERNELS = AdditiveKernels.get();

    /** Rows whose gradients are summed together at least, and the most such sums; part of the definition of the sums. */
    private static final int ROWS_PER_SUM = 64;

    private static final int MOST_SUMS = 16;

    private static final int TILES_PER_TASK = 256;
    private static final int RIGHT = 1;
    private static final int LOWER = 2;

    private final AdditiveMatrix original;
    private final AdditiveFormat format;
    private final char[] codes;
    private final LiveScales scales;
    private final boolean ownsCodewords;
    private final FloatMatrix codewords;

    /** A live copy of a matrix. */
    public LiveAdditive(AdditiveMatrix matrix) {
        this(matrix, allocate(matrix), true);
    }

    /**
     * A live copy with the codewords of another of the same format, whose memory they remain.
     *
     * @param other closed after this one
     */
    public LiveAdditive(AdditiveMatrix matrix, LiveAdditive other) {
        this(matrix, requireSame(matrix, other), false);
    }

    private LiveAdditive(AdditiveMatrix matrix, FloatMatrix codewords, boolean ownsCodewords) {
        this.original = matrix;
        this.format = matrix.additiveFormat();
        this.codewords = codewords;
        this.ownsCodewords = ownsCodewords;
        this.scales = new LiveScales(matrix.scales());
        int codesOfRow = format.codesOfRow(matrix.columns());
        this.codes = new char[Math.toIntExact(format.codeCount(matrix.rows(), matrix.columns()))];
        for (int p = 0; p < format.tileRows(matrix.rows()); p++) {
            System.arraycopy(matrix.codes(p), 0, codes, p * codesOfRow, codesOfRow);
        }
    }

    private static FloatMatrix allocate(AdditiveMatrix matrix) {
        float[] values = matrix.codebooks();
        int size = matrix.additiveFormat().tileSize();
        FloatMatrix codewords = FloatMatrix.allocate(values.length / size, size);
        codewords.copyFrom(FloatMatrix.wrap(values.length / size, size, values));
        return codewords;
    }

    private static FloatMatrix requireSame(AdditiveMatrix matrix, LiveAdditive other) {
        AdditiveFormat format = matrix.additiveFormat();
        if (format.codebooks() != other.format.codebooks()
                || format.codeBits() != other.format.codeBits()
                || format.inGroup() != other.format.inGroup()
                || format.outGroup() != other.format.outGroup()) {
            throw new IllegalArgumentException(
                    format.id() + " and " + other.format.id() + " cannot have the same codewords");
        }
        return other.codewords;
    }

    /** C, K M x tile; live. */
    public FloatMatrix codewords() {
        return codewords;
    }

    /** s; live. */
    public LiveScales scales() {
        return scales;
    }

    @Override
    public int rows() {
        return original.rows();
    }

    @Override
    public int columns() {
        return original.columns();
    }

    @Override
    public String format() {
        return format.id();
    }

    @Override
    public int outGroup() {
        return format.outGroup();
    }

    @Override
    public int inGroup() {
        return format.inGroup();
    }

    /** The parts as rounding would store them now. */
    @Override
    public List<Part> parts() {
        return stored().parts();
    }

    /** Where the scale of a tile is. */
    private int scaleOf(int p, int q) {
        return p * format.scalesOfRow(columns()) + q / format.tilesOfScale(columns());
    }

    @Override
    public void dequantize(int fromRow, FloatMatrix out, Workers workers) {
        DecodedProducts.checkRows(this, fromRow, out);
        Codewords words = Codewords.unrounded(format, codewords.toArray());
        int tiles = tileColumns();
        int width = format.tilesOfScale(columns());
        float[] scaleOf = scales.ofBlocks();
        workers.forEach(Math.ceilDiv(out.rows(), ROWS_PER_SUM), task -> {
            float[] row = new float[tiles * format.inGroup() + AdditiveKernels.SLACK];
            char[] ofRow = new char[tiles * format.codebooks()];
            int end = Math.min(out.rows(), (task + 1) * ROWS_PER_SUM);
            for (int i = task * ROWS_PER_SUM; i < end; i++) {
                int p = (fromRow + i) / format.outGroup();
                System.arraycopy(codes, p * ofRow.length, ofRow, 0, ofRow.length);
                for (int q = 0; q < tiles; q += width) {
                    float scale = scaleOf[scaleOf(p, q)];
                    int count = Math.min(width, tiles - q);
                    KERNELS.decode(words, (fromRow + i) % format.outGroup(), ofRow, q, count, scale, row);
                }
                MemorySegment.copy(
                        row,
                        0,
                        out.segment(),
                        ValueLayout.JAVA_FLOAT_UNALIGNED,
                        (long) i * columns() * Float.BYTES,
                        columns());
            }
        });
    }

    /**
     * Adds the gradients of codewords and scales by the chain rule from G = dL/dŴ: of a codeword the sum of s G over the tiles that use it, of a
     * scale the sum of G times the unscaled tiles.
     *
     * @param dense G, rows x columns; not modified
     * @param dCodewords shape of {@link #codewords()}; modified
     * @param dScales shape of the scales; modified
     * @param dOffset 1 x 1; modified
     */
    public void accumulate(
            FloatMatrix dense, FloatMatrix dCodewords, FloatMatrix dScales, FloatMatrix dOffset, Workers workers) {
        int tileRows = format.tileRows(rows());
        int rowsPerSum = Math.max(Math.ceilDiv(ROWS_PER_SUM, format.outGroup()), Math.ceilDiv(tileRows, MOST_SUMS));
        float[] words = codewords.toArray();
        float[] scaleOf = scales.ofBlocks();
        double[] ofScales = new double[tileRows * format.scalesOfRow(columns())];
        double[][] ofWords = new double[Math.ceilDiv(tileRows, rowsPerSum)][];
        workers.forEach(ofWords.length, task -> {
            double[] sums = new double[words.length];
            int end = Math.min(tileRows, (task + 1) * rowsPerSum);
            for (int p = task * rowsPerSum; p < end; p++) {
                for (int a = 0; a < format.outGroup() && p * format.outGroup() + a < rows(); a++) {
                    accumulateRow(dense, p, a, words, scaleOf, sums, ofScales);
                }
            }
            ofWords[task] = sums;
        });
        for (int i = 0; i < words.length; i++) {
            double sum = 0;
            for (double[] task : ofWords) {
                sum += task[i];
            }
            add(dCodewords, i, sum);
        }
        double ofOffset = 0;
        double[] ofParts = new double[dScales.columns()];
        for (int scale = 0; scale < ofScales.length; scale++) {
            ofParts[scales.index(scale)] += ofScales[scale] * scales.share(scale);
            ofOffset += ofScales[scale];
        }
        for (int i = 0; i < ofParts.length; i++) {
            add(dScales, i, ofParts[i]);
        }
        add(dOffset, 0, ofOffset);
    }

    private static void add(FloatMatrix gradient, long index, double value) {
        float before = gradient.segment().getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, index);
        gradient.segment().setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, index, (float) (before + value));
    }

    private void accumulateRow(
            FloatMatrix dense, int p, int a, float[] words, float[] scaleOf, double[] sums, double[] ofScales) {
        int books = format.codebooks();
        int width = format.inGroup();
        int size = format.tileSize();
        float[] g = dense.rows(p * format.outGroup() + a, 1).toArray();
        for (int q = 0; q < tileColumns(); q++) {
            int first = (p * tileColumns() + q) * books;
            int scale = scaleOf(p, q);
            double factor = scaleOf[scale];
            double ofScale = 0;
            int some = Math.min(width, columns() - q * width);
            for (int m = 0; m < books; m++) {
                int at = (m * format.entries() + codes[first + m]) * size + a * width;
                for (int i = 0; i < some; i++) {
                    double gradient = g[q * width + i];
                    sums[at + i] += factor * gradient;
                    ofScale += gradient * words[at + i];
                }
            }
            ofScales[scale] += ofScale;
        }
    }

    @Override
    public int choose(int[] tiles, FloatMatrix target, CodeRounding rounding, Workers workers) {
        Codewords whole = Codewords.unrounded(format, codewords.toArray());
        Codewords[] edges = new Codewords[4];
        for (int i = 0; i < edges.length; i++) {
            edges[i] = i == 0
                    ? whole
                    : whole.within(
                            (i & LOWER) == 0 ? format.outGroup() : inLast(rows(), format.outGroup()),
                            (i & RIGHT) == 0 ? format.inGroup() : inLast(columns(), format.inGroup()));
        }
        float[] scaleOf = scales.ofBlocks();
        AtomicInteger changed = new AtomicInteger();
        workers.forEach(Math.ceilDiv(tiles.length, TILES_PER_TASK), task -> {
            NearestCodes[] searches = new NearestCodes[edges.length];
            float[] point = new float[format.tileSize()];
            int end = Math.min(tiles.length, (task + 1) * TILES_PER_TASK);
            int exchanged = 0;
            for (int i = task * TILES_PER_TASK; i < end; i++) {
                int edge = edge(tiles[i]);
                if (searches[edge] == null) {
                    searches[edge] = new NearestCodes(edges[edge]);
                }
                if (setPoint(tiles[i], target, scaleOf, point)
                        && searches[edge].improve(point, codes, tiles[i] * format.codebooks(), rounding, tiles[i])) {
                    exchanged++;
                }
            }
            changed.addAndGet(exchanged);
        });
        return changed.get();
    }

    /** Which edges of the matrix a tile lies at. */
    private int edge(int tile) {
        boolean lower = tile / tileColumns() == format.tileRows(rows()) - 1;
        boolean right = tile % tileColumns() == tileColumns() - 1;
        return (lower ? LOWER : 0) + (right ? RIGHT : 0);
    }

    /** How much of the last group is inside. */
    private static int inLast(int size, int group) {
        return size - (Math.ceilDiv(size, group) - 1) * group;
    }

    /**
     * The tile of the target in units of the scale; what lies outside the matrix is 0 there.
     *
     * @return false when the scale is nothing
     */
    private boolean setPoint(int tile, FloatMatrix target, float[] scaleOf, float[] point) {
        int p = tile / tileColumns();
        int q = tile % tileColumns();
        float inverse = 1 / scaleOf[scaleOf(p, q)];
        if (!Float.isFinite(inverse)) {
            return false;
        }
        for (int i = 0; i < point.length; i++) {
            int row = p * format.outGroup() + i / format.inGroup();
            int column = q * format.inGroup() + i % format.inGroup();
            point[i] = row < rows() && column < columns() ? target.get(row, column) * inverse : 0;
        }
        return true;
    }

    @Override
    public int codeCount() {
        return codes.length;
    }

    @Override
    public double codeBitsPerWeight() {
        return (double) format.codebooks() * format.codeBits() / format.tileSize();
    }

    @Override
    public void readCodes(FloatMatrix out) {
        for (int i = 0; i < codes.length; i++) {
            out.set(0, i, codes[i]);
        }
    }

    @Override
    public void writeCodes(FloatMatrix from) {
        for (int i = 0; i < codes.length; i++) {
            codes[i] = (char) from.get(0, i);
        }
    }

    /**
     * The matrix with its codewords and scales rounded to their types; scales below 0 become 0.
     *
     * @throws InvalidRequestException when one is no number or overflows its type
     */
    public AdditiveMatrix stored() {
        int[] all = new int[codes.length];
        for (int i = 0; i < all.length; i++) {
            all[i] = codes[i];
        }
        return AdditiveMatrix.of(rows(), columns(), format, all, scales.stored(), codewords.toArray());
    }

    @Override
    public void close() {
        scales.close();
        if (ownsCodewords) {
            codewords.close();
        }
    }
}
