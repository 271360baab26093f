package dev.lowbit.pvtuning;

/**
 * How a layer is quantized.
 *
 * @param codebooks K
 * @param entries M
 * @param beam hypotheses of {@link BeamSearch}
 * @param start where it begins
 * @param alternations of scales and codewords in a round
 * @param iterations of conjugate gradients each time, at most
 * @param smallestGain the loss that a round has to take off, as a part of it, for another to follow
 * @param rounds at most
 */
record LayerSettings(
        int codebooks,
        int entries,
        int beam,
        ResidualInit start,
        int alternations,
        int iterations,
        double smallestGain,
        int rounds) {
    /**
     * One alternation of at most 4 iterations, because a beam search gains more than further ones; and rounds as long as they gain 0.2 %, at most
     * 30. AQLM stops at 1 %.
     */
    static LayerSettings of(int codebooks, int entries, int beam) {
        return new LayerSettings(codebooks, entries, beam, ResidualInit.SAMPLED, 1, 4, 2e-3, 30);
    }
}
