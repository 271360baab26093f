package dev.lowbit.matrix.additive;

import dev.lowbit.kernel.Lanes;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.packed.WideCodes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * y = Ŵ x without weights: the products of x with all codewords are computed once and then only looked up and added, K for each tile. The sum
 * of a row: per tile the K products in the order of the codebooks; per scale the tiles in 16 virtual lanes, multiplied by the scale; then the
 * fixed tree.
 */
final class TableProducts {
    private static final AdditiveKernels KERNELS = AdditiveKernels.get();

    /** Rows for each codeword from which a table of its products is worth it: measured, a quarter of a row to two, by format. */
    private static final int MIN_ROWS_PER_CODEWORD = 1;

    /**
     * Codewords of all codebooks, at most. A first-level cache has to hold the tables of many tiles, or looking up costs more than decoding: measured
     * 1.2 times as fast at 512, 0.7 to 1.1 times at 1024 and 0.4 times at 4096.
     */
    private static final int MAX_CODEWORDS = 512;

    private static final long MAX_TABLE = 1L << 24;
    private static final int ROWS_PER_TASK = 64;
    private static final int LANES = AdditiveKernels.LANES;

    /** Tiles whose tables one thread fills at a time. */
    private static final int TILES_PER_TASK = 16;

    /** Floats of the tables that some rows look up before the next: about a first-level cache. Does not change the sums. */
    private static final int CACHED = 1 << 13;

    private final AdditiveMatrix matrix;
    private final Codewords words;
    private final Workers workers;
    private final int tiles;
    private final float[] table;
    private final float[] padded;
    private final float[] scales;

    /** @param matrix one whose format and shape {@link #suit} */
    TableProducts(AdditiveMatrix matrix, Workers workers) {
        this.matrix = matrix;
        this.words = matrix.codewords();
        this.workers = workers;
        this.tiles = matrix.additiveFormat().tileColumns(matrix.columns());
        this.table = new float[tiles * words.count()];
        this.padded = new float[tiles * words.inGroup];
        this.scales = matrix.scales().values();
    }

    /** Whether products go through tables: tiles of one row, few codewords and many rows. Part of the definition of the sums. */
    static boolean suit(AdditiveFormat format, int rows, int columns) {
        int count = format.codebooks() * format.entries();
        return format.outGroup() == 1
                && count <= MAX_CODEWORDS
                && (long) count * MIN_ROWS_PER_CODEWORD <= rows
                && (long) format.tileColumns(columns) * count <= MAX_TABLE;
    }

    /**
     * One token.
     *
     * @param inputs columns values for each token; not modified
     * @param outputs rows values for each token; those of this token are overwritten
     */
    void multiply(float[] inputs, int token, float[] outputs) {
        int rows = matrix.rows();
        System.arraycopy(inputs, token * matrix.columns(), padded, 0, matrix.columns());
        workers.forEach(Math.ceilDiv(tiles, TILES_PER_TASK), task -> {
            int end = Math.min(tiles, (task + 1) * TILES_PER_TASK);
            for (int tile = task * TILES_PER_TASK; tile < end; tile++) {
                KERNELS.products(words, padded, tile * words.inGroup, table, tile * words.count());
            }
        });
        workers.forEach(Math.ceilDiv(rows, ROWS_PER_TASK), task -> {
            int from = task * ROWS_PER_TASK;
            multiplyRows(from, Math.min(ROWS_PER_TASK, rows - from), outputs, token * rows + from);
        });
    }

    private void multiplyRows(int fromRow, int count, float[] outputs, int outputsFrom) {
        AdditiveFormat format = matrix.additiveFormat();
        boolean bytes = format.codeBits() == Byte.SIZE && words.codebooks <= 2;
        if (bytes && tiles % LANES == 0 && format.tilesOfScale(matrix.columns()) == tiles) {
            multiplyRowsOfBytes(fromRow, count, outputs, outputsFrom);
            return;
        }
        int codesOfRow = tiles * words.codebooks;
        char[] codes = new char[count * codesOfRow];
        byte[] buffer = WideCodes.buffer(codesOfRow, matrix.additiveFormat().codeBits());
        for (int i = 0; i < count; i++) {
            matrix.unpack(fromRow + i, buffer, codes, i * codesOfRow);
        }
        float[] sums = new float[count * tiles];
        int chunk = Math.clamp(CACHED / words.count(), 1, tiles);
        for (int tile = 0; tile < tiles; tile += chunk) {
            int some = Math.min(chunk, tiles - tile);
            for (int i = 0; i < count; i++) {
                lookUp(codes, i * codesOfRow + tile * words.codebooks, some, tile, sums, i * tiles + tile);
            }
        }
        float[] lanes = new float[LANES];
        for (int i = 0; i < count; i++) {
            Arrays.fill(lanes, 0f);
            addScaled(fromRow + i, sums, i * tiles, lanes);
            outputs[outputsFrom + i] = Lanes.sum(lanes);
        }
    }

    /** Codes of a byte and one scale for each row, the usual: straight from the bytes into the lanes. */
    private void multiplyRowsOfBytes(int fromRow, int count, float[] outputs, int outputsFrom) {
        int codesOfRow = tiles * words.codebooks;
        byte[] codes = new byte[count * codesOfRow];
        MemorySegment.copy(
                matrix.parts().getFirst().bytes(),
                ValueLayout.JAVA_BYTE,
                (long) fromRow * codesOfRow,
                codes,
                0,
                codes.length);
        float[] sums = new float[count * LANES];
        for (int tile = 0; tile < tiles; tile += LANES) {
            for (int i = 0; i < count; i++) {
                if (words.codebooks == 1) {
                    addOne(codes, i * codesOfRow + tile, tile * words.count(), sums, i * LANES);
                } else {
                    addTwo(codes, i * codesOfRow + 2 * tile, tile * words.count(), sums, i * LANES);
                }
            }
        }
        float[] lanes = new float[LANES];
        for (int i = 0; i < count; i++) {
            for (int lane = 0; lane < LANES; lane++) {
                lanes[lane] = Math.fma(sums[i * LANES + lane], scales[fromRow + i], 0f);
            }
            outputs[outputsFrom + i] = Lanes.sum(lanes);
        }
    }

    /** Sixteen tiles of one codebook. */
    private void addOne(byte[] codes, int codesFrom, int tableFrom, float[] sums, int sumsFrom) {
        float[] products = table;
        int step = words.entries;
        int at = tableFrom;
        for (int lane = 0; lane < LANES; lane++, at += step) {
            sums[sumsFrom + lane] += products[at + (codes[codesFrom + lane] & 0xff)];
        }
    }

    /** Sixteen tiles of two codebooks. */
    private void addTwo(byte[] codes, int codesFrom, int tableFrom, float[] sums, int sumsFrom) {
        float[] products = table;
        int entries = words.entries;
        int at = tableFrom;
        for (int lane = 0; lane < LANES; lane++, at += 2 * entries) {
            float first = products[at + (codes[codesFrom + 2 * lane] & 0xff)];
            float second = products[at + entries + (codes[codesFrom + 2 * lane + 1] & 0xff)];
            sums[sumsFrom + lane] += first + second;
        }
    }

    /** The sum of each tile, one pass for each codebook: independent loads, which a loop over the codebooks of a tile would chain. */
    private void lookUp(char[] codes, int codesFrom, int count, int firstTile, float[] sums, int sumsFrom) {
        float[] products = table;
        int codebooks = words.codebooks;
        int entries = words.entries;
        int step = codebooks * entries;
        int at = firstTile * step;
        for (int i = 0; i < count; i++) {
            sums[sumsFrom + i] = products[at + i * step + codes[codesFrom + i * codebooks]];
        }
        for (int m = 1; m < codebooks; m++) {
            at += entries;
            for (int i = 0; i < count; i++) {
                sums[sumsFrom + i] += products[at + i * step + codes[codesFrom + m + i * codebooks]];
            }
        }
    }

    private void addScaled(int row, float[] sums, int sumsFrom, float[] lanes) {
        AdditiveFormat format = matrix.additiveFormat();
        int width = format.tilesOfScale(matrix.columns());
        int scale = row * format.scalesOfRow(matrix.columns());
        for (int from = 0; from < tiles; from += width) {
            KERNELS.addScaled(sums, sumsFrom + from, Math.min(width, tiles - from), scales[scale++], lanes);
        }
    }
}
