package dev.lowbit.matrix.additive;

import dev.lowbit.kernel.Lanes;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.packed.WideCodes;
import java.util.Arrays;

/**
 * y = Ŵ x straight from the codewords, for tiles of one row and four or eight columns: each code says where its codeword starts, and that is multiplied with the tile's inputs. Per scale lane l sums
 * C[m][code]_i x_i over the columns i with i mod 16 = l, ascending, and for each over the codebooks m, by fused multiply-adds from 0; then lane += scale * sum, fused, and the fixed tree.
 */
final class DirectProducts {
    private static final AdditiveKernels KERNELS = AdditiveKernels.get();
    private static final int LANES = AdditiveKernels.LANES;
    private static final int ROWS = AdditiveKernels.ROWS;
    private static final int ROWS_PER_TASK = 64;

    private final AdditiveMatrix matrix;
    private final AdditiveFormat format;
    private final Codewords words;
    private final int tokens;

    /** Columns of a row in whole lanes. */
    private final int padded;

    /** Of a token {@code padded} values: zeros behind the columns. */
    private final float[] inputs;

    private final float[] outputs;
    private final float[] scales;

    /** For each code of a row where its codebook starts. */
    private final int[] books;

    private DirectProducts(AdditiveMatrix matrix, float[] x, int tokens, float[] outputs) {
        this.matrix = matrix;
        this.format = matrix.additiveFormat();
        this.words = matrix.codewords();
        this.tokens = tokens;
        this.padded = Math.ceilDiv(format.tileColumns(matrix.columns()) * format.inGroup(), LANES) * LANES;
        this.inputs = new float[tokens * padded];
        for (int token = 0; token < tokens; token++) {
            System.arraycopy(x, token * matrix.columns(), inputs, token * padded, matrix.columns());
        }
        this.outputs = outputs;
        this.scales = matrix.scales().values();
        this.books = new int[format.codesOfRow(matrix.columns())];
        for (int i = 0; i < books.length; i++) {
            books[i] = i % words.codebooks * words.entries * words.tileSize;
        }
    }

    /** Whether products of few tokens are made so: part of the definition of the sums. */
    static boolean suit(AdditiveFormat format) {
        return format.outGroup() == 1
                && AdditiveKernels.hasDotOfRows(format.inGroup())
                && format.scaleColumns() % LANES == 0;
    }

    /**
     * Some tokens.
     *
     * @param matrix one whose format {@link #suit}s
     * @param x tokens x columns; not modified
     * @param outputs tokens x rows; modified (overwritten)
     */
    static void multiply(AdditiveMatrix matrix, float[] x, int tokens, float[] outputs, Workers workers) {
        DirectProducts products = new DirectProducts(matrix, x, tokens, outputs);
        workers.forEach(Math.ceilDiv(matrix.rows(), ROWS_PER_TASK), task -> products.rows(task * ROWS_PER_TASK));
    }

    private void rows(int first) {
        int startsOfRow = padded / words.inGroup * words.codebooks;
        byte[] buffer = WideCodes.buffer(books.length, format.codeBits());
        char[] codes = new char[books.length];
        int[] starts = new int[ROWS * startsOfRow];
        // behind the last codeword are zeros
        Arrays.fill(starts, words.count() * words.tileSize);
        float[] lanes = new float[ROWS * LANES];
        int end = Math.min(matrix.rows(), first + ROWS_PER_TASK);
        for (int row = first; row < end; row += ROWS) {
            int some = Math.min(ROWS, end - row);
            for (int i = 0; i < some; i++) {
                matrix.unpack(row + i, buffer, codes, 0);
                for (int code = 0; code < codes.length; code++) {
                    starts[i * startsOfRow + code] = codes[code] * words.tileSize + books[code];
                }
            }
            for (int token = 0; token < tokens; token++) {
                Arrays.fill(lanes, 0f);
                multiply(row, some, starts, startsOfRow, token * padded, lanes);
                for (int i = 0; i < some; i++) {
                    outputs[token * matrix.rows() + row + i] = Lanes.sum(lanes, i * LANES);
                }
            }
        }
    }

    private void multiply(int row, int some, int[] starts, int startsOfRow, int x, float[] lanes) {
        int scalesOfRow = format.scalesOfRow(matrix.columns());
        int columns = format.scaleColumns() == 0 ? padded : format.scaleColumns();
        int first = row * scalesOfRow;
        int second = (row + some - 1) * scalesOfRow;
        for (int from = 0; from < padded; from += columns, first++, second++) {
            int count = Math.min(columns, padded - from);
            KERNELS.dotOfRows(words, starts, startsOfRow, inputs, x, from, count, scales[first], scales[second], lanes);
        }
    }
}
