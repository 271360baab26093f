package dev.lowbit.method;

import dev.lowbit.method.Compressor.Limits;
import java.util.TreeSet;

/** The ranks worth pricing: steps of about a third, between the limits. */
public final class RankLadder {
    private RankLadder() {}

    /**
     * Ascending ranks of at least 1 within the limits, the limits themselves included, clamped to the matrix.
     *
     * @return empty when the largest rank allowed is 0
     */
    public static int[] ranks(Limits limits, int rows, int columns) {
        int most = Math.min(limits.maxRank(), Math.min(rows, columns));
        int least = Math.min(limits.minRank(), most);
        TreeSet<Integer> ranks = new TreeSet<>();
        ranks.add(least);
        ranks.add(most);
        for (int power = 1; power <= most; power *= 2) {
            ranks.add(power);
            ranks.add(power + power / 2);
            if (power > most / 2) {
                break;
            }
        }
        return ranks.stream()
                .filter(r -> r >= Math.max(1, least) && r <= most)
                .mapToInt(Integer::intValue)
                .toArray();
    }
}
