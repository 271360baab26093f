package dev.lowbit.pvtuning;

import dev.lowbit.kernel.Workers;
import java.util.Arrays;

/**
 * Decoding as a linear map of the codewords, codes and scales fixed: A(C) has the tiles s[p, q] Σ_m C[m][b[p, q, m]], and its adjoint Aᵀ(G) is
 * the gradient with respect to C of any function with the gradient G with respect to Ŵ.
 */
final class TileMap {
    private static final int TILE_ROWS_PER_TASK = 16;

    private TileMap() {}

    /**
     * A(C).
     *
     * @param weights gives codes and scales; not modified
     * @param codewords C, K x M x tile, which need not be those of {@code weights}; not modified
     * @param out O x I; modified (overwritten)
     */
    static void decode(AdditiveWeights weights, double[] codewords, double[] out, Workers workers) {
        Tiling tiling = weights.tiling();
        workers.forEach(Math.ceilDiv(tiling.tileRows(), TILE_ROWS_PER_TASK), task -> {
            int end = Math.min(tiling.tileRows(), (task + 1) * TILE_ROWS_PER_TASK);
            for (int p = task * TILE_ROWS_PER_TASK; p < end; p++) {
                decodeTileRow(weights, codewords, p, out);
            }
        });
    }

    private static void decodeTileRow(AdditiveWeights weights, double[] codewords, int p, double[] out) {
        Tiling tiling = weights.tiling();
        int books = weights.codebooks();
        int width = tiling.inGroup();
        int[] codes = weights.codes();
        int rowAt = p * tiling.outGroup() * tiling.columns();
        Arrays.fill(out, rowAt, rowAt + tiling.outGroup() * tiling.columns(), 0);
        for (int q = 0; q < tiling.tileColumns(); q++) {
            double scale = weights.scales()[weights.scaleAt(p, q)];
            int tile = p * tiling.tileColumns() + q;
            for (int a = 0; a < tiling.outGroup(); a++) {
                int to = rowAt + a * tiling.columns() + q * width;
                for (int m = 0; m < books; m++) {
                    int from = weights.at(m, codes[tile * books + m]) + a * width;
                    for (int c = 0; c < width; c++) {
                        out[to + c] += codewords[from + c];
                    }
                }
                for (int c = 0; c < width; c++) {
                    out[to + c] *= scale;
                }
            }
        }
    }

    /**
     * Aᵀ(G).
     *
     * @param gradient G, O x I; not modified
     * @return K x M x tile, summed in the order of the tiles
     */
    static double[] adjoint(AdditiveWeights weights, double[] gradient, Workers workers) {
        double[] sums = new double[weights.codewords().length];
        workers.forEach(weights.codebooks(), m -> addTiles(weights, m, gradient, sums));
        return sums;
    }

    private static void addTiles(AdditiveWeights weights, int m, double[] gradient, double[] sums) {
        Tiling tiling = weights.tiling();
        int width = tiling.inGroup();
        int[] codes = weights.codes();
        int tile = 0;
        for (int p = 0; p < tiling.tileRows(); p++) {
            for (int q = 0; q < tiling.tileColumns(); q++, tile++) {
                double scale = weights.scales()[weights.scaleAt(p, q)];
                int to = weights.at(m, codes[tile * weights.codebooks() + m]);
                for (int a = 0; a < tiling.outGroup(); a++) {
                    int from = (p * tiling.outGroup() + a) * tiling.columns() + q * width;
                    for (int c = 0; c < width; c++) {
                        sums[to + a * width + c] += scale * gradient[from + c];
                    }
                }
            }
        }
    }

    /**
     * dL/ds of every scale, for G = dL/dŴ: the sum of G times the unscaled tiles.
     *
     * @param gradient G, O x I; not modified
     */
    static double[] scaleGradient(AdditiveWeights weights, double[] gradient) {
        Tiling tiling = weights.tiling();
        double[] sums = new double[weights.scales().length];
        double[] tile = new double[tiling.tileSize()];
        for (int p = 0; p < tiling.tileRows(); p++) {
            for (int q = 0; q < tiling.tileColumns(); q++) {
                weights.unscaledTile(p, q, tile);
                double sum = 0;
                for (int a = 0; a < tiling.outGroup(); a++) {
                    int from = (p * tiling.outGroup() + a) * tiling.columns() + q * tiling.inGroup();
                    for (int c = 0; c < tiling.inGroup(); c++) {
                        sum += gradient[from + c] * tile[a * tiling.inGroup() + c];
                    }
                }
                sums[weights.scaleAt(p, q)] += sum;
            }
        }
        return sums;
    }
}
