package dev.lowbit.pvtuning;

import dev.lowbit.linalg.RandomStream;

/**
 * In which order beam search visits.
 *
 * @param groups every q once
 * @param codebooks for each place in {@code groups} every m once
 */
record BeamOrder(int[] groups, int[][] codebooks) {
    /** 0, 1, ... */
    static BeamOrder natural(int groups, int codebooks) {
        int[][] books = new int[groups][];
        for (int t = 0; t < groups; t++) {
            books[t] = Draws.upTo(codebooks);
        }
        return new BeamOrder(Draws.upTo(groups), books);
    }

    /** The groups shuffled, and for every group the codebooks. */
    static BeamOrder shuffled(int groups, int codebooks, RandomStream stream) {
        int[] order = Draws.permutation(groups, stream);
        int[][] books = new int[groups][];
        for (int t = 0; t < groups; t++) {
            books[t] = Draws.permutation(codebooks, stream);
        }
        return new BeamOrder(order, books);
    }
}
