package dev.lowbit.int2lrec;

import dev.lowbit.error.InvalidRequestException;

/**
 * How the closed form of a correction is computed.
 *
 * @param rank r, at least 0; more than min(m, n) is min(m, n)
 * @param weighted whether the error in the layer's outputs is made smallest, or (plain) that of the weights
 * @param damping μ as a share of XᵀX's mean diagonal, at least 0; 0.01 is a good default, because on unseen inputs XᵀX is not quite the same
 * @param oversampling directions beyond the rank that the search of large matrices keeps
 * @param powerSteps multiplications by M Mᵀ after the first product of that search
 */
public record LowRankSettings(int rank, boolean weighted, double damping, int oversampling, int powerSteps) {
    private static final double DAMPING = 0.01;
    private static final int OVERSAMPLING = 32;
    private static final int POWER_STEPS = 4;

    /** Checks ranges. */
    public LowRankSettings {
        if (rank < 0 || oversampling < 0 || powerSteps < 0) {
            throw InvalidRequestException.usage("rank, oversampling and power steps are not negative, got " + rank
                    + ", " + oversampling + " and " + powerSteps);
        }
        if (!(damping >= 0 && damping <= Double.MAX_VALUE)) {
            throw InvalidRequestException.usage("damping is finite and not negative, got " + damping);
        }
    }

    /** Weighted with damping 0.01. */
    public static LowRankSettings weighted(int rank) {
        return new LowRankSettings(rank, true, DAMPING, OVERSAMPLING, POWER_STEPS);
    }

    /** The error of the weights alone. */
    public static LowRankSettings plain(int rank) {
        return new LowRankSettings(rank, false, 0, OVERSAMPLING, POWER_STEPS);
    }

    /** These settings with another damping. */
    public LowRankSettings damping(double other) {
        return new LowRankSettings(rank, weighted, other, oversampling, powerSteps);
    }
}
