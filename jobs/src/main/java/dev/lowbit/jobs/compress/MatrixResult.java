package dev.lowbit.jobs.compress;

import java.util.OptionalDouble;

/**
 * What became, or would become, of one matrix.
 *
 * @param name the tensor's name in the source
 * @param rows outputs
 * @param columns inputs
 * @param method the method that decides its numbers
 * @param format the representation's format identifier
 * @param rank rank of the low-rank term
 * @param bytes stored bytes of all parts
 * @param bitsPerWeight 8 * bytes / weights
 * @param relativeError ||W - Ŵ||_F / ||W||_F: measured on the bytes written, or predicted by a plan (absent
 *     when its objective is weighted by importance)
 * @param outputError the same of the layer's outputs on the calibration text: sqrt(tr(D H Dᵀ) / tr(W H Wᵀ)), D = W - Ŵ, H = E[x xᵀ];
 *     measured on the bytes written, where there is calibration
 */
public record MatrixResult(
        String name,
        int rows,
        int columns,
        String method,
        String format,
        int rank,
        long bytes,
        double bitsPerWeight,
        OptionalDouble relativeError,
        OptionalDouble outputError) {}
