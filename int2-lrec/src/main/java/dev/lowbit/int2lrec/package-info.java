/**
 * Integer codes of 1 to 8 bits on an affine grid, by rounding or by GPTQ (arXiv 2210.17323), and what is left of the error made
 * smaller by a matrix of low rank, as INT2.1 (arXiv 2306.08162) does by gradients and the closed form does at once.
 *
 * <p>One vocabulary: W is m x n (outputs x inputs), X tokens x n, Q the quantized W, E = W - Q; the error of a layer is
 * ε = ||X Eᵀ||² = tr(E XᵀX Eᵀ), a sum over all tokens in double.
 */
package dev.lowbit.int2lrec;
