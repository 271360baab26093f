package dev.lowbit.pvtuning;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;

/** Tiles on their way through residual quantization: what the codebooks so far have left of them, and the codes that they were given. */
final class ResidualTiles {
    private final double[] rest;
    private final int size;
    private final int codebooks;
    private final int[] codes;

    /**
     * Tiles before the first codebook.
     *
     * @param tiles one after the other, in units of their scales; used, not copied
     * @param size weights of a tile
     * @param codebooks K
     */
    ResidualTiles(double[] tiles, int size, int codebooks) {
        this.rest = tiles;
        this.size = size;
        this.codebooks = codebooks;
        this.codes = new int[Math.multiplyExact(tiles.length / size, codebooks)];
    }

    /** What is left of the tiles; live. */
    double[] rest() {
        return rest;
    }

    /** P x Q x K codes; live. */
    int[] codes() {
        return codes;
    }

    /** So many of them, distinct and in random order; all as they stand where there are no more. */
    double[] drawn(long count, RandomStream stream) {
        int all = rest.length / size;
        if (count >= all) {
            return rest;
        }
        int[] tiles = Draws.distinct(all, (int) count, stream);
        double[] some = new double[tiles.length * size];
        for (int i = 0; i < tiles.length; i++) {
            System.arraycopy(rest, tiles[i] * size, some, i * size, size);
        }
        return some;
    }

    /**
     * Gives every tile the nearest codeword of a codebook and takes it off.
     *
     * @param m the codebook's number
     * @param book M x size; not modified
     */
    void take(int m, double[] book, Workers workers) {
        int[] nearest = new KMeans(rest, size, workers).assign(book);
        for (int tile = 0; tile < nearest.length; tile++) {
            codes[tile * codebooks + m] = nearest[tile];
            for (int i = 0; i < size; i++) {
                rest[tile * size + i] -= book[nearest[tile] * size + i];
            }
        }
    }
}
