package dev.lowbit.matrix.additive;

import dev.lowbit.matrix.CodeRounding;
import java.util.Arrays;

/**
 * Codes whose sum of codewords is near a point. With one codebook the nearest. With several a beam search from the present codes: codebook after
 * codebook every hypothesis exchanges its code for any other, and the nearest hypotheses stay; the present codes are among them, so that the result is
 * never farther. Largest &lt;c, t&gt; - ½ &lt;c, c&gt; is nearest; of equal ones the first hypothesis and the lowest code. For one thread.
 */
final class NearestCodes {
    /** Hypotheses that stay. */
    private static final int BEAM = 4;

    private static final AdditiveKernels KERNELS = AdditiveKernels.get();

    private final Codewords words;
    private final float[] offsets;
    private final int books;
    private final float[] gains;
    private final float[] rest;
    /** ½ (|t|² - |t - sum|²) of the hypotheses that stay. */
    private final double[] scores = new double[BEAM];

    private char[] hypotheses;
    private char[] nextHypotheses;

    NearestCodes(Codewords words) {
        this.words = words;
        this.offsets = words.negatedHalfSquares();
        this.books = words.codebooks;
        this.gains = new float[words.entries];
        this.rest = new float[words.tileSize];
        this.hypotheses = new char[BEAM * books];
        this.nextHypotheses = new char[BEAM * books];
    }

    /**
     * Searches.
     *
     * @param point t; not modified
     * @param codes K of them from {@code at} on: the present ones; modified
     * @param rounding says whether it is the second nearest that is wanted
     * @param tile what it is asked about
     * @return whether they are others than before
     */
    boolean improve(float[] point, char[] codes, int at, CodeRounding rounding, int tile) {
        boolean one = rounding == CodeRounding.NEAREST;
        int count = 1;
        if (books == 1 && one) {
            KERNELS.gains(words, 0, offsets, point, gains);
            hypotheses[0] = (char) KERNELS.largest(gains, words.entries);
        } else {
            System.arraycopy(codes, at, hypotheses, 0, books);
            for (int m = 0; m < books; m++) {
                count = exchange(point, m, count, one && m == books - 1 ? 1 : BEAM);
            }
        }
        int chosen = one ? 0 : rounded(point, count, rounding, tile);
        int from = chosen * books;
        boolean changed = !Arrays.equals(hypotheses, from, from + books, codes, at, at + books);
        System.arraycopy(hypotheses, from, codes, at, books);
        return changed;
    }

    /** The first hypothesis, or the next with another sum. */
    private int rounded(float[] point, int count, CodeRounding rounding, int tile) {
        float[] nearest = sum(0);
        for (int h = 1; h < count; h++) {
            float[] other = sum(h);
            if (!Arrays.equals(nearest, other)) {
                double second = distance(point, other);
                return rounding.takesSecond(tile, distance(point, nearest), second) ? h : 0;
            }
        }
        return 0;
    }

    private float[] sum(int hypothesis) {
        float[] sum = new float[words.tileSize];
        for (int m = 0; m < books; m++) {
            int from = (m * words.entries + hypotheses[hypothesis * books + m]) * words.tileSize;
            for (int i = 0; i < sum.length; i++) {
                sum[i] += words.values[from + i];
            }
        }
        return sum;
    }

    private static double distance(float[] point, float[] sum) {
        double squares = 0;
        for (int i = 0; i < sum.length; i++) {
            double difference = (double) point[i] - sum[i];
            squares += difference * difference;
        }
        return Math.sqrt(squares);
    }

    /** Every hypothesis with every code of one codebook in place of its own; the best {@code keep} stay, best first. */
    private int exchange(float[] point, int m, int count, int keep) {
        int filled = 0;
        for (int h = 0; h < count; h++) {
            double base = setRest(point, m, h * books);
            KERNELS.gains(words, m, offsets, rest, gains);
            for (int k = 0; k < words.entries; k++) {
                double score = base + gains[k];
                if (filled == keep && !(score > scores[keep - 1])) {
                    continue;
                }
                int to = filled == keep ? keep - 1 : filled++;
                for (; to > 0 && score > scores[to - 1]; to--) {
                    scores[to] = scores[to - 1];
                    System.arraycopy(nextHypotheses, (to - 1) * books, nextHypotheses, to * books, books);
                }
                scores[to] = score;
                System.arraycopy(hypotheses, h * books, nextHypotheses, to * books, books);
                nextHypotheses[to * books + m] = (char) k;
            }
        }
        char[] other = hypotheses;
        hypotheses = nextHypotheses;
        nextHypotheses = other;
        return filled;
    }

    /** What the other codebooks of a hypothesis leave of the point; the gain that they have by themselves. */
    private double setRest(float[] point, int m, int at) {
        System.arraycopy(point, 0, rest, 0, rest.length);
        for (int other = 0; other < books; other++) {
            if (other != m) {
                int from = (other * words.entries + hypotheses[at + other]) * words.tileSize;
                for (int i = 0; i < rest.length; i++) {
                    rest[i] -= words.values[from + i];
                }
            }
        }
        double sum = 0;
        for (int i = 0; i < rest.length; i++) {
            sum += (double) point[i] * point[i] - (double) rest[i] * rest[i];
        }
        return 0.5 * sum;
    }
}
