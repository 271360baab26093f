package dev.lowbit.int2lrec;

/**
 * What GPTQ made of a matrix.
 *
 * @param codes Q
 * @param gptqError what the published code reports: ½ΣE² = ε / sequences + ½ λ ||W - Q||² (dead columns of W taken as 0)
 * @param layerError ε = ||X (W - Q)ᵀ||², the sum over all tokens
 * @param damping the share of the mean diagonal that was added: what was asked for, or the first of ten times, a hundred times ... of it
 *     with which the Hessian could be factored
 */
public record GptqResult(AffineCodes codes, double gptqError, double layerError, double damping) {}
