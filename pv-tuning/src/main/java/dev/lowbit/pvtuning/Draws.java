package dev.lowbit.pvtuning;

import dev.lowbit.linalg.RandomStream;

/** Random integers. */
final class Draws {
    private Draws() {}

    /** {@code count} distinct integers of 0 to {@code n} - 1 in random order, one draw each. */
    static int[] distinct(int n, int count, RandomStream stream) {
        int[] all = new int[n];
        for (int i = 0; i < n; i++) {
            all[i] = i;
        }
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
