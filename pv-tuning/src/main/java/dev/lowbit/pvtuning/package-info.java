/**
 * Vector quantization to 1 to 3 bits a weight: sums of codewords as AQLM (arXiv 2401.06118) finds them, tuned by PV-Tuning
 * (arXiv 2405.14852), whose steps here never raise the objective.
 *
 * <p>One vocabulary: W is O x I (outputs x inputs), Ŵ = {@link dev.lowbit.pvtuning.AdditiveWeights#decode()}, Δ = Ŵ - W, H = XᵀX / n
 * with X n x I; the loss of a layer is L = tr(Δ H Δᵀ). All of it in double.
 */
package dev.lowbit.pvtuning;
