package dev.lowbit.pvtuning;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;

/**
 * Where AQLM starts (section 3.2 of its paper): the norm of every row of tiles plus 1e-9 as its scale, then codebook after codebook the
 * k-means of what the ones before left of W / s. H plays no part.
 *
 * @param rounds of each k-means at most
 * @param pointsPerCentroid tiles that each k-means looks at, drawn afresh, for every centroid; where that is not all of them, a few rounds over all
 *     follow
 */
record ResidualInit(int rounds, int pointsPerCentroid) {
    /** What the original does: all tiles, 100 rounds. */
    static final ResidualInit ORIGINAL = new ResidualInit(100, Integer.MAX_VALUE);

    /** As good a start as the original's in a fifth of its time, 1024 x 1024 with 256 entries, and less in larger layers. */
    static final ResidualInit SAMPLED = new ResidualInit(30, 128);

    private static final double SMALLEST_SCALE = 1e-9;
    private static final int TRIALS = 4;
    private static final int TRIAL_ROUNDS = 10;

    /** Rounds over all tiles after those over a sample, whose centroids fit the sample better than the rest. */
    private static final int LAST_ROUNDS = 10;

    /**
     * Additive weights for W.
     *
     * @param weights W, O x I row-major, finite; not modified
     * @param codebooks K
     * @param entries M
     */
    AdditiveWeights of(
            double[] weights, Tiling tiling, int codebooks, int entries, RandomStream stream, Workers workers) {
        int size = tiling.tileSize();
        double[] scales = scales(weights, tiling);
        ResidualTiles tiles = new ResidualTiles(scaledTiles(weights, tiling, scales), size, codebooks);
        double[] codewords = new double[Math.multiplyExact(Math.multiplyExact(codebooks, entries), size)];
        for (int m = 0; m < codebooks; m++) {
            double[] drawn = tiles.drawn((long) pointsPerCentroid * entries, stream);
            KMeans some = new KMeans(drawn, size, workers);
            double[] book = some.bestStart(entries, TRIALS, Math.min(TRIAL_ROUNDS, rounds), stream);
            some.improve(book, rounds);
            if (drawn != tiles.rest()) {
                new KMeans(tiles.rest(), size, workers).improve(book, LAST_ROUNDS);
            }
            System.arraycopy(book, 0, codewords, m * book.length, book.length);
            tiles.take(m, book, workers);
        }
        return new AdditiveWeights(tiling, codebooks, entries, codewords, tiles.codes(), scales);
    }

    private static double[] scales(double[] weights, Tiling tiling) {
        double[] scales = new double[tiling.tileRows()];
        int length = tiling.outGroup() * tiling.columns();
        for (int p = 0; p < scales.length; p++) {
            double squares = 0;
            for (int i = p * length; i < (p + 1) * length; i++) {
                squares += weights[i] * weights[i];
            }
            scales[p] = Math.sqrt(squares) + SMALLEST_SCALE;
        }
        return scales;
    }

    /** W / s, one tile after the other. */
    private static double[] scaledTiles(double[] weights, Tiling tiling, double[] scales) {
        int size = tiling.tileSize();
        double[] tiles = new double[weights.length];
        double[] tile = new double[size];
        for (int p = 0; p < tiling.tileRows(); p++) {
            for (int q = 0; q < tiling.tileColumns(); q++) {
                Tiles.load(tiling, weights, p, q, tile);
                int to = (p * tiling.tileColumns() + q) * size;
                for (int i = 0; i < size; i++) {
                    tiles[to + i] = tile[i] / scales[p];
                }
            }
        }
        return tiles;
    }
}
