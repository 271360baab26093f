package dev.lowbit.jobs.compress;

import java.util.OptionalDouble;

/**
 * What storing every matrix in the same format without a low-rank term would give: what a mix has to beat.
 *
 * @param family the kind of codebook, for example {@code nf}
 * @param format the format
 * @param bytes of all matrices together
 * @param bitsPerWeight of all matrices together
 * @param objective sum of the errors
 * @param relativeError of all matrices together; empty when the objective is weighted
 * @param calibrationKlDivergence KL(model || compressed model) on the calibration text, nats a token
 */
public record UniformFormat(
        String family,
        String format,
        long bytes,
        double bitsPerWeight,
        double objective,
        OptionalDouble relativeError,
        OptionalDouble calibrationKlDivergence) {}
