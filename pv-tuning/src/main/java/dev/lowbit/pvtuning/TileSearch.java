package dev.lowbit.pvtuning;

import java.util.Arrays;

/**
 * Codes of one tile near a target in plain L2: from the present codes, every codebook is visited once and its code chosen anew against
 * the residual of the others, with the {@code beam} best hypotheses kept. The present codes are always among the candidates, so
 * that the best is no farther than they are. Equal distances go to the lowest hypothesis, then the lowest code.
 *
 * <p>One thread's, for many tiles.
 */
final class TileSearch {
    private final AdditiveWeights weights;
    private final CodewordSearch kernel = CodewordSearch.get();
    private final CodewordLanes[] codebooks;
    private final int beam;
    private final int[] order;
    private final int finalists;
    private final double[] residual;
    private final double[] gains;
    private int[] codes;
    private int[] nextCodes;
    private final double[] errors;
    private final int[] parents;
    private final int[] choices;
    private int count;

    /**
     * A search with memory of its own.
     *
     * @param weights not modified
     * @param codebooks those of {@code weights}, for the nearest codeword; not modified
     * @param order codebooks as they are visited; not modified
     * @param finalists how many hypotheses the last visit keeps
     */
    TileSearch(AdditiveWeights weights, CodewordLanes[] codebooks, int beam, int[] order, int finalists) {
        this.weights = weights;
        this.codebooks = codebooks;
        this.beam = beam;
        this.order = order;
        this.finalists = finalists;
        int most = Math.max(beam, finalists);
        residual = new double[weights.tiling().tileSize()];
        gains = new double[codebooks[0].stride()];
        codes = new int[most * weights.codebooks()];
        nextCodes = new int[most * weights.codebooks()];
        errors = new double[most];
        parents = new int[most];
        choices = new int[most];
    }

    /**
     * Searches from the present codes of a tile.
     *
     * @param tile p Q + q
     * @param target the tile in units of its scale; not modified
     * @return how many hypotheses there are in the end, best first: at most {@code finalists}
     */
    int run(int tile, double[] target) {
        int width = weights.codebooks();
        System.arraycopy(weights.codes(), tile * width, codes, 0, width);
        int hypotheses = 1;
        for (int visit = 0; visit < width; visit++) {
            count = 0;
            int limit = visit == width - 1 ? finalists : beam;
            for (int h = 0; h < hypotheses; h++) {
                double base = leave(h, order[visit], target);
                kernel.gains(residual, 0, codebooks[order[visit]], gains);
                keep(h, base, limit);
            }
            hypotheses = count;
            for (int h = 0; h < hypotheses; h++) {
                System.arraycopy(codes, parents[h] * width, nextCodes, h * width, width);
                nextCodes[h * width + order[visit]] = choices[h];
            }
            int[] swap = codes;
            codes = nextCodes;
            nextCodes = swap;
        }
        return hypotheses;
    }

    /** Copies the codes of a hypothesis to {@code out} (modified). */
    void copyCodes(int hypothesis, int[] out, int at) {
        System.arraycopy(codes, hypothesis * weights.codebooks(), out, at, weights.codebooks());
    }

    /** Whether a hypothesis is the present codes of a tile. */
    boolean isPresent(int hypothesis, int tile) {
        int width = weights.codebooks();
        int from = hypothesis * width;
        return Arrays.equals(codes, from, from + width, weights.codes(), tile * width, tile * width + width);
    }

    /** The distance, not squared, of a hypothesis from the target. */
    double distance(int hypothesis, double[] target) {
        return Math.sqrt(leave(hypothesis, -1, target));
    }

    /** Sets the residual of a hypothesis without one codebook, and returns its squared norm. */
    private double leave(int hypothesis, int codebook, double[] target) {
        System.arraycopy(target, 0, residual, 0, residual.length);
        for (int m = 0; m < weights.codebooks(); m++) {
            if (m != codebook) {
                int from = weights.at(m, codes[hypothesis * weights.codebooks() + m]);
                for (int i = 0; i < residual.length; i++) {
                    residual[i] -= weights.codewords()[from + i];
                }
            }
        }
        double sum = 0;
        for (double value : residual) {
            sum += value * value;
        }
        return sum;
    }

    private void keep(int hypothesis, double base, int limit) {
        if (limit == 1) {
            keepLeast(hypothesis, base);
            return;
        }
        int entries = weights.entries();
        int k = 0;
        while (k < entries && count < limit) {
            insert(hypothesis, k, base - 2 * gains[k], limit);
            k++;
        }
        for (k = firstBetter(base, k); k < entries; k = firstBetter(base, k + 1)) {
            insert(hypothesis, k, base - 2 * gains[k], limit);
        }
    }

    private int firstBetter(double base, int from) {
        return kernel.firstBelow(errors[count - 1], base, 2, 0, gains, from, weights.entries());
    }

    /** The case of one survivor: a maximum without branches, then its first place. */
    private void keepLeast(int hypothesis, double base) {
        double most = Double.NEGATIVE_INFINITY;
        for (double gain : gains) {
            most = Math.max(most, gain);
        }
        if (count == 0 || base - 2 * most < errors[0]) {
            int k = 0;
            while (gains[k] != most) {
                k++;
            }
            count = 0;
            insert(hypothesis, k, base - 2 * most, 1);
        }
    }

    private void insert(int hypothesis, int code, double error, int limit) {
        int at = count < limit ? count++ : count - 1;
        for (; at > 0 && error < errors[at - 1]; at--) {
            errors[at] = errors[at - 1];
            parents[at] = parents[at - 1];
            choices[at] = choices[at - 1];
        }
        errors[at] = error;
        parents[at] = hypothesis;
        choices[at] = code;
    }
}
