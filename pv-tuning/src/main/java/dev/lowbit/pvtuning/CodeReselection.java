package dev.lowbit.pvtuning;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * The V step of PV-Tuning (arXiv 2405.14852): codes near a target T in plain L2, for the tiles that are farthest from it,
 * ||T[p, q] - Ŵ[p, q]||² in units of weights. A tile at its target keeps its codes, and so does one whose scale is below 1e-9, where a
 * distance in units of the scale says nothing.
 */
final class CodeReselection {
    private static final double LEAST_SCALE = 1e-9;
    private static final int TILES_PER_TASK = 64;

    private final AdditiveWeights weights;
    private final Reselection settings;
    private final double[] target;
    private final int[] order;

    private CodeReselection(AdditiveWeights weights, double[] target, Reselection settings, int[] order) {
        this.weights = weights;
        this.target = target;
        this.settings = settings;
        this.order = order;
    }

    /**
     * Selects codes.
     *
     * @param weights its codes are modified
     * @param target T, O x I row-major, finite; not modified
     * @param order the codebooks in the order of the search, each once; not modified
     * @param random one double for every tile that may change, in their order, if rounding is stochastic; otherwise not used
     * @return how many tiles have other codes than before
     */
    static int run(
            AdditiveWeights weights,
            double[] target,
            Reselection settings,
            int[] order,
            RandomStream random,
            Workers workers) {
        Tiles.requireFinite(weights.tiling(), target, "the target");
        return new CodeReselection(weights, target, settings, order).run(random, workers);
    }

    private int run(RandomStream random, Workers workers) {
        double[] before = weights.decode();
        Tiles.requireFinite(weights.tiling(), before, "the decoded matrix");
        double[] distances = Tiles.squaredDistances(weights.tiling(), target, before);
        int[] tiles = farthest(distances);
        int[] codes = search(tiles, draws(tiles.length, random), workers);
        int width = weights.codebooks();
        int changed = 0;
        double budget = budget(before);
        double moved = 0;
        for (int i = 0; i < tiles.length && (i == 0 || moved < budget); i++) {
            int at = tiles[i] * width;
            if (!Arrays.equals(codes, i * width, (i + 1) * width, weights.codes(), at, at + width)) {
                moved += squaredChange(tiles[i], codes, i * width, before);
                System.arraycopy(codes, i * width, weights.codes(), at, width);
                changed++;
            }
        }
        return changed;
    }

    /** The tiles that may change: farthest first if that matters, otherwise as they come. */
    private int[] farthest(double[] distances) {
        int columns = weights.tiling().tileColumns();
        int[] eligible = IntStream.range(0, distances.length)
                .filter(t -> distances[t] > 0
                        && Math.abs(weights.scales()[weights.scaleAt(t / columns, t % columns)]) >= LEAST_SCALE)
                .toArray();
        int wanted = (int) Math.min(eligible.length, Math.ceil(settings.fraction() * distances.length));
        if (wanted == eligible.length && Double.isInfinite(settings.trust())) {
            return eligible;
        }
        return IntStream.of(eligible)
                .boxed()
                .sorted(Comparator.comparingDouble((Integer t) -> -distances[t]))
                .mapToInt(Integer::intValue)
                .limit(wanted)
                .toArray();
    }

    private double[] draws(int count, RandomStream random) {
        double[] draws = new double[count];
        if (settings.choice() == Reselection.Choice.STOCHASTIC) {
            Arrays.setAll(draws, i -> random.nextDouble());
        }
        return draws;
    }

    /** New codes of every one of {@code tiles}, in their order. */
    private int[] search(int[] tiles, double[] draws, Workers workers) {
        int[] codes = new int[tiles.length * weights.codebooks()];
        CodewordLanes[] codebooks = nearest(weights);
        int finalists = settings.choice() == Reselection.Choice.NEAREST ? 1 : 2;
        workers.forEach(Math.ceilDiv(tiles.length, TILES_PER_TASK), task -> {
            TileSearch search = new TileSearch(weights, codebooks, settings.beam(), order, finalists);
            double[] tile = new double[weights.tiling().tileSize()];
            int end = Math.min(tiles.length, (task + 1) * TILES_PER_TASK);
            for (int i = task * TILES_PER_TASK; i < end; i++) {
                load(tiles[i], tile);
                int found = search.run(tiles[i], tile);
                int chosen = found > 1 ? choose(search, tiles[i], tile, draws[i]) : 0;
                search.copyCodes(chosen, codes, i * weights.codebooks());
            }
        });
        return codes;
    }

    private static CodewordLanes[] nearest(AdditiveWeights weights) {
        CodewordLanes[] books = new CodewordLanes[weights.codebooks()];
        for (int m = 0; m < books.length; m++) {
            books[m] = CodewordLanes.nearest(
                    weights.codewords(),
                    weights.at(m, 0),
                    weights.entries(),
                    weights.tiling().tileSize());
        }
        return books;
    }

    /** The target of a tile in units of its scale. */
    private void load(int tile, double[] out) {
        int p = tile / weights.tiling().tileColumns();
        int q = tile % weights.tiling().tileColumns();
        Tiles.load(weights.tiling(), target, p, q, out);
        double scale = weights.scales()[weights.scaleAt(p, q)];
        for (int i = 0; i < out.length; i++) {
            out[i] /= scale;
        }
    }

    /** Which of two finalists a tile gets: 0 or 1. */
    private int choose(TileSearch search, int tile, double[] scaledTarget, double draw) {
        if (settings.choice() == Reselection.Choice.OTHER) {
            return search.isPresent(0, tile) ? 1 : 0;
        }
        double nearest = search.distance(0, scaledTarget);
        if (nearest == 0) {
            return 0;
        }
        // d2^(-1/τ) / (d1^(-1/τ) + d2^(-1/τ)), without powers that overflow.
        double odds = StrictMath.pow(search.distance(1, scaledTarget) / nearest, 1 / settings.temperature());
        return draw * (1 + odds) < 1 ? 1 : 0;
    }

    /** ||ΔŴ||² of a tile with other codes. */
    private double squaredChange(int tile, int[] codes, int at, double[] before) {
        Tiling tiling = weights.tiling();
        int p = tile / tiling.tileColumns();
        int q = tile % tiling.tileColumns();
        double[] old = new double[tiling.tileSize()];
        Tiles.load(tiling, before, p, q, old);
        double scale = weights.scales()[weights.scaleAt(p, q)];
        double sum = 0;
        for (int i = 0; i < old.length; i++) {
            double value = 0;
            for (int m = 0; m < weights.codebooks(); m++) {
                value += weights.codewords()[weights.at(m, codes[at + m]) + i];
            }
            sum += square(scale * value - old[i]);
        }
        return sum;
    }

    /** How far ||ΔŴ||² may go before the last change. */
    private double budget(double[] before) {
        if (Double.isInfinite(settings.trust())) {
            return Double.POSITIVE_INFINITY;
        }
        double sum = 0;
        for (double value : before) {
            sum += square(value);
        }
        return square(settings.trust()) * sum;
    }

    private static double square(double value) {
        return value * value;
    }
}
