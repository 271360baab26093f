package dev.lowbit.pvtuning;

import dev.lowbit.linalg.RandomStream;
import java.util.stream.IntStream;

/** Orders, natural and random. */
final class Draws {
    private Draws() {}

    /** 0 to {@code n} - 1, ascending. */
    static int[] upTo(int n) {
        return IntStream.range(0, n).toArray();
    }

    /** {@code count} distinct integers of 0 to {@code n} - 1 in random order, one draw each. */
    static int[] distinct(int n, int count, RandomStream stream) {
        int[] all = upTo(n);
        int[] chosen = new int[count];
        for (int i = 0; i < count; i++) {
            int at = i + (int) (stream.nextDouble() * (n - i));
            chosen[i] = all[at];
            all[at] = all[i];
        }
        return chosen;
    }

    /** 0 to {@code n} - 1 in random order. */
    static int[] permutation(int n, RandomStream stream) {
        return distinct(n, n, stream);
    }
}
