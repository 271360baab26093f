package dev.lowbit.compeft;

/**
 * What shares one scale: the whole update or one tensor, s γ.
 *
 * @param signs γ
 * @param deviation σ of the values that were compressed
 * @param scale s, finite and at least 0
 * @param riceParameter b of {@link TernaryCode#RICE}, 0 for the other codes
 * @param payloadBytes bytes of the signs in a file
 */
public record CompressedVector(
        TernaryVector signs, double deviation, float scale, int riceParameter, long payloadBytes) {}
