package dev.lowbit.matrix.additive;

import dev.lowbit.kernel.Lanes;
import dev.lowbit.matrix.packed.WideCodes;

/** Decodes rows of one matrix one after another into an array of its own; for one thread. Rows in order unpack their codes once. */
final class RowDecoder {
    private static final AdditiveKernels KERNELS = AdditiveKernels.get();

    private final AdditiveMatrix matrix;
    private final AdditiveFormat format;
    private final int tiles;
    private final float[] scales;
    private final byte[] buffer;
    private final char[] codes;
    private final float[] lanes = new float[AdditiveKernels.LANES];
    private final float[] row;
    private int tileRow = -1;

    RowDecoder(AdditiveMatrix matrix) {
        this.matrix = matrix;
        this.format = matrix.additiveFormat();
        this.tiles = format.tileColumns(matrix.columns());
        this.scales = matrix.scales().values();
        this.codes = new char[format.codesOfRow(matrix.columns())];
        this.buffer = WideCodes.buffer(codes.length, format.codeBits());
        this.row = new float[Math.addExact(Math.multiplyExact(tiles, format.inGroup()), AdditiveKernels.SLACK)];
    }

    /** The weights of a row, and behind them what its last tile has too much; valid until the next call. */
    float[] row(int index) {
        int p = index / format.outGroup();
        if (p != tileRow) {
            matrix.unpack(p, buffer, codes, 0);
            tileRow = p;
        }
        int width = format.tilesOfScale(matrix.columns());
        int scale = p * format.scalesOfRow(matrix.columns());
        for (int from = 0; from < tiles; from += width) {
            int count = Math.min(width, tiles - from);
            KERNELS.decode(matrix.codewords(), index % format.outGroup(), codes, from, count, scales[scale++], row);
        }
        return row;
    }

    /** The product of the row decoded last with x: 16 virtual lanes over the columns. */
    float dot(float[] x, int xFrom) {
        KERNELS.dot(row, x, xFrom, matrix.columns(), lanes);
        return Lanes.sum(lanes);
    }
}
