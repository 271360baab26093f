package dev.lowbit.matrix;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;

/**
 * A matrix in memory whose codes may be exchanged, tile by tile, between products: what a discrete step of tuning works on. Codebooks and scales are
 * what they are at the time of a call. For one thread at a time.
 */
public interface LiveCodes extends QuantizedMatrix {
    /** Rows of a tile, whose weights are written by the same codes. */
    int outGroup();

    /** Columns of a tile. */
    int inGroup();

    /** Tiles in a row of tiles; the last one may reach beyond the matrix. */
    default int tileColumns() {
        return Math.ceilDiv(columns(), inGroup());
    }

    /** All tiles, row by row. */
    default int tiles() {
        return Math.multiplyExact(Math.ceilDiv(rows(), outGroup()), tileColumns());
    }

    /**
     * Gives some tiles the codes whose weights are the nearest found to those of a target; where the search is not exhaustive, never farther ones
     * than they have. A tile whose scale is nothing keeps its codes.
     *
     * @param tiles numbers of tiles, each once; not modified
     * @param target rows x columns, finite; not modified
     * @return how many tiles have other codes than before
     */
    default int choose(int[] tiles, FloatMatrix target, Workers workers) {
        return choose(tiles, target, CodeRounding.NEAREST, workers);
    }

    /**
     * Likewise, but a tile may get the second nearest choice, as far as there is another with other weights.
     *
     * @param tiles numbers of tiles, each once; not modified
     * @param target rows x columns, finite; not modified
     * @return how many tiles have other codes than before
     */
    int choose(int[] tiles, FloatMatrix target, CodeRounding rounding, Workers workers);

    /** Codes of all tiles. */
    int codeCount();

    /** Bits of codes for a weight, K B / g: by rate-distortion theory they leave an error of about 2^-bits of the weights' size. */
    double codeBitsPerWeight();

    /** @param out 1 x {@link #codeCount()}; modified (overwritten) with whole numbers */
    void readCodes(FloatMatrix out);

    /** @param codes 1 x {@link #codeCount()}, as {@link #readCodes} gave them; not modified */
    void writeCodes(FloatMatrix codes);
}
