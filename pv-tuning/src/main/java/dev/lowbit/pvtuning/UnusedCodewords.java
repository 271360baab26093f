package dev.lowbit.pvtuning;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * Gives codewords that no tile uses another chance: each becomes what one of the worst tiles is missing, so that the next beam search may choose
 * it. As nothing uses them, the loss stays the same.
 */
final class UnusedCodewords {
    /** Codewords this many times larger than any other come from a scale of nothing and would fit no other tile. */
    private static final double LARGEST = 4;

    private UnusedCodewords() {}

    /**
     * Replaces them; for each codebook the worst tile goes to the first, and so on.
     *
     * @param state only its unused codewords are modified
     */
    static void replace(LayerState state) {
        AdditiveWeights weights = state.weights();
        int[] worst = null;
        for (int m = 0; m < weights.codebooks(); m++) {
            boolean[] used = used(weights, m);
            int next = 0;
            for (int k = 0; k < used.length && next < weights.tiling().tiles(); k++) {
                if (!used[k]) {
                    worst = worst == null ? worstTiles(state) : worst;
                    fit(state, m, k, worst[next++]);
                }
            }
        }
    }

    private static boolean[] used(AdditiveWeights weights, int m) {
        boolean[] used = new boolean[weights.entries()];
        for (int i = m; i < weights.codes().length; i += weights.codebooks()) {
            used[weights.codes()[i]] = true;
        }
        return used;
    }

    /** All tiles by the part of the loss that is theirs, tr(Δ_pq (Δ H)_pqᵀ), the largest first. */
    private static int[] worstTiles(LayerState state) {
        Tiling tiling = state.weights().tiling();
        double[] losses = new double[tiling.tiles()];
        int width = tiling.inGroup();
        for (int i = 0; i < state.delta().length; i++) {
            int tile = i / tiling.columns() / tiling.outGroup() * tiling.tileColumns() + i % tiling.columns() / width;
            losses[tile] += state.delta()[i] * state.product()[i];
        }
        return IntStream.range(0, losses.length)
                .boxed()
                .sorted(Comparator.comparingDouble((Integer tile) -> -losses[tile]))
                .mapToInt(Integer::intValue)
                .toArray();
    }

    /** C[m][k] = C[m][b] - Δ_pq / s: with it in place of its own the tile would be exact. */
    private static void fit(LayerState state, int m, int k, int tile) {
        AdditiveWeights weights = state.weights();
        Tiling tiling = weights.tiling();
        int p = tile / tiling.tileColumns();
        int q = tile % tiling.tileColumns();
        double scale = weights.scales()[weights.scaleAt(p, q)];
        int own = weights.at(m, weights.codes()[tile * weights.codebooks() + m]);
        double[] value = new double[tiling.tileSize()];
        for (int i = 0; i < value.length; i++) {
            int row = p * tiling.outGroup() + i / tiling.inGroup();
            int column = q * tiling.inGroup() + i % tiling.inGroup();
            value[i] = weights.codewords()[own + i] - state.delta()[row * tiling.columns() + column] / scale;
        }
        double largest = LARGEST
                * Arrays.stream(weights.codewords()).map(Math::abs).max().orElseThrow();
        if (Arrays.stream(value).allMatch(v -> Math.abs(v) <= largest)) {
            System.arraycopy(value, 0, weights.codewords(), weights.at(m, k), value.length);
        }
    }
}
