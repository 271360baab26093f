/**
 * Weights as sketches that can be fine-tuned: every group of a row is a small table of values and an index into it for each weight
 * (SketchTune, arXiv 2410.06364; the tables are learned as LeanQuant, arXiv 2407.10032, does). The representation is {@code dev.lowbit.matrix.sketch}.
 *
 * <p>One vocabulary: W is m x n (outputs x inputs), H = XᵀX / N of the inputs X (N x n), Ŵ[i,j] = Z[i, g(j), C[i,j]] with tables Z and codes C; the
 * error of a layer is tr((Ŵ - W) H (Ŵ - W)ᵀ).
 */
package dev.lowbit.sketchtune;
