package dev.lowbit.pvtuning;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.matrix.CodeRounding;
import dev.lowbit.matrix.LiveCodes;
import dev.lowbit.method.DiscreteStep;
import dev.lowbit.method.Tunable.DiscretePart;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * The V step of PV-Tuning (arXiv 2405.14852, its linearised subspace form) for any representation with codes: the tiles whose decoded weights are the
 * farthest from the target T take the codes nearest to it, all others keep theirs; then the target forgets.
 *
 * <pre>
 *   e[tile] = ||T - Ŵ||²     over the tile, with codebooks and scales as they are now
 *   b[tile] = nearest(T)     for the ⌈fraction · tiles⌉ largest e, of equal ones the first tile, until ||ΔŴ|| ≥ trust ||Ŵ||
 *   T = decay Ŵ + (1 - decay) T
 * </pre>
 *
 * <p>Fraction 1, no end of trust and decay 0 are plain straight-through estimation.
 *
 * @param fraction of the tiles of a matrix that may change in a step, above 0, at most 1
 * @param trust how far a matrix may move in a step, as a share of its norm; the tile that reaches it still moves. Above 0, infinite for no limit
 * @param decay of the target, from 0, which never forgets, to 1, which starts every step from Ŵ
 * @param temperature τ of stochastic rounding, the baseline of the paper: of the two nearest choices of codes, at distances d1 and d2 from the target, the
 *     second with odds (d1 / d2)^(1 / τ), so never where the first is exact; 0 for the nearest always
 */
record SubspaceStep(double fraction, double trust, double decay, double temperature) implements DiscreteStep {
    public SubspaceStep {
        if (!(fraction > 0 && fraction <= 1)) {
            throw InvalidRequestException.usage(
                    "a fraction of " + fraction + " of the codes is not possible; give one above 0, at most 1");
        }
        if (!(trust > 0)) {
            throw InvalidRequestException.usage("a trust of " + trust + " is not possible; give one above 0");
        }
        if (!(decay >= 0 && decay <= 1)) {
            throw InvalidRequestException.usage("a decay of " + decay + " is not possible; give one from 0 to 1");
        }
        if (!(temperature >= 0 && temperature < Double.POSITIVE_INFINITY)) {
            throw InvalidRequestException.usage("a temperature of " + temperature
                    + " is not possible; give 0 for the nearest codes or a number above");
        }
    }

    @Override
    public int apply(DiscretePart part, RandomStream random, Workers workers) {
        LiveCodes codes = part.codes();
        CodeRounding rounding = rounding(codes.tiles(), random);
        FloatMatrix target = part.target().values();
        int count = (int) Math.ceil(fraction * codes.tiles());
        boolean all = count == codes.tiles() && Double.isInfinite(trust);
        int changed = all
                ? codes.choose(Draws.upTo(count), target, rounding, workers)
                : chooseFarthest(codes, target, count, rounding, workers);
        if (decay > 0) {
            forget(codes, target, workers);
        }
        return changed;
    }

    private int chooseFarthest(LiveCodes codes, FloatMatrix target, int count, CodeRounding rounding, Workers workers) {
        try (FloatMatrix decoded = decoded(codes, workers)) {
            int[] tiles = farthest(codes, target, decoded, count, workers);
            return Double.isInfinite(trust)
                    ? codes.choose(tiles, target, rounding, workers)
                    : chooseWithinTrust(codes, target, decoded, tiles, rounding, workers);
        }
    }

    /** Ŵ; to be closed. */
    private static FloatMatrix decoded(LiveCodes codes, Workers workers) {
        FloatMatrix decoded = FloatMatrix.allocate(codes.rows(), codes.columns());
        codes.dequantize(0, decoded, workers);
        return decoded;
    }

    /** One draw for every tile of the matrix, in their order, whoever asks. */
    private CodeRounding rounding(int tiles, RandomStream random) {
        if (temperature == 0) {
            return CodeRounding.NEAREST;
        }
        double[] draws = new double[tiles];
        Arrays.setAll(draws, tile -> random.nextDouble());
        // d2^(-1/τ) / (d1^(-1/τ) + d2^(-1/τ)), without powers that overflow to no number
        return (tile, nearest, second) ->
                nearest > 0 && draws[tile] * (1 + StrictMath.pow(second / nearest, 1 / temperature)) < 1;
    }

    /** Moves all tiles to see how far each goes, and then again only those that trust reaches to. */
    private int chooseWithinTrust(
            LiveCodes codes,
            FloatMatrix target,
            FloatMatrix decoded,
            int[] tiles,
            CodeRounding rounding,
            Workers workers) {
        try (FloatMatrix before = FloatMatrix.allocate(1, codes.codeCount())) {
            codes.readCodes(before);
            int changed = codes.choose(tiles, target, rounding, workers);
            int within = within(codes, decoded, tiles, workers);
            if (within == tiles.length) {
                return changed;
            }
            codes.writeCodes(before);
            return codes.choose(Arrays.copyOf(tiles, within), target, rounding, workers);
        }
    }

    /** How many of the tiles, in their order, move until the matrix has moved as far as it may. */
    private int within(LiveCodes codes, FloatMatrix decoded, int[] tiles, Workers workers) {
        int tileColumns = codes.tileColumns();
        double[] steps = new double[codes.tiles()];
        try (FloatMatrix moved = decoded(codes, workers)) {
            for (int p = 0; p < steps.length / tileColumns; p++) {
                System.arraycopy(distances(codes, moved, decoded, p), 0, steps, p * tileColumns, tileColumns);
            }
        }
        double norm = 0;
        for (long i = 0; i < (long) decoded.rows() * decoded.columns(); i++) {
            norm += (double) value(decoded, i) * value(decoded, i);
        }
        double allowed = trust * trust * norm;
        double sum = 0;
        int count = 0;
        while (count < tiles.length && (count == 0 || sum < allowed)) {
            sum += steps[tiles[count++]];
        }
        return count;
    }

    /** The tiles with the largest squared distance, the largest first. */
    private static int[] farthest(
            LiveCodes codes, FloatMatrix target, FloatMatrix decoded, int count, Workers workers) {
        // Distances are not negative, so that their bits are in their order; the complement lets the first of equal
        // tiles win.
        long[] keys = new long[codes.tiles()];
        int tileColumns = codes.tileColumns();
        workers.forEach(keys.length / tileColumns, p -> {
            double[] distances = distances(codes, target, decoded, p);
            for (int q = 0; q < tileColumns; q++) {
                int tile = p * tileColumns + q;
                keys[tile] = (long) Float.floatToIntBits((float) distances[q]) << Integer.SIZE | ~tile & 0xffffffffL;
            }
        });
        Arrays.sort(keys);
        int[] tiles = new int[count];
        for (int i = 0; i < count; i++) {
            tiles[i] = ~(int) keys[keys.length - 1 - i];
        }
        return tiles;
    }

    /** Of the tiles of one row of tiles. */
    private static double[] distances(LiveCodes codes, FloatMatrix target, FloatMatrix decoded, int p) {
        double[] distances = new double[codes.tileColumns()];
        int end = Math.min(codes.rows(), (p + 1) * codes.outGroup());
        for (int row = p * codes.outGroup(); row < end; row++) {
            long at = (long) row * codes.columns();
            for (int column = 0; column < codes.columns(); column++) {
                double difference = (double) value(target, at + column) - value(decoded, at + column);
                distances[column / codes.inGroup()] += difference * difference;
            }
        }
        return distances;
    }

    private void forget(LiveCodes codes, FloatMatrix target, Workers workers) {
        try (FloatMatrix decoded = decoded(codes, workers)) {
            workers.forEach(target.rows(), row -> {
                long at = (long) row * target.columns();
                for (long i = at; i < at + target.columns(); i++) {
                    double mixed = decay * value(decoded, i) + (1 - decay) * value(target, i);
                    target.segment().setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i, (float) mixed);
                }
            });
        }
    }

    private static float value(FloatMatrix matrix, long at) {
        return matrix.segment().getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, at);
    }
}
