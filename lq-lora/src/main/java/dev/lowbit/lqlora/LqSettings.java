package dev.lowbit.lqlora;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.sum.FactorFormat;

/**
 * One decomposition: into what, and how.
 *
 * @param base how the quantized part is stored
 * @param rank rank of the low-rank part, at least 0; clamped to the matrix
 * @param factors how the low-rank part is stored
 * @param heuristic how a Fisher importance enters the low-rank step
 * @param method how the low-rank step is solved
 * @param stopping when the alternation ends
 */
public record LqSettings(
        BlockFormat base,
        int rank,
        FactorFormat factors,
        FisherHeuristic heuristic,
        LowRankMethod method,
        Stopping stopping) {
    public LqSettings {
        if (rank < 0) {
            throw InvalidRequestException.usage("a rank is not negative, got " + rank);
        }
    }

    /** The plain alternation of the paper: randomized steps, two-sided weights, until the error rises or after 100. */
    public static LqSettings paper(BlockFormat base, int rank) {
        return new LqSettings(
                base,
                rank,
                FactorFormat.F32,
                FisherHeuristic.TWO_SIDED,
                new LowRankMethod.Randomized(10, 2),
                new Stopping.WhenRising(100));
    }

    /**
     * The warm-started, over-relaxed alternation that Lowbit uses.
     *
     * <p>Over-relaxation reaches the error of 20 plain alternations in 8 to 10 where codes have 3 bits or more. With 2 bits the
     * quantizer is too coarse to follow (measured: every alpha above 1 ends higher), so there alpha stays 1 and each
     * alternation takes two steps with a wider basis instead.
     */
    public static LqSettings fast(BlockFormat base, int rank, FactorFormat factors, int alternations) {
        LowRankMethod method = base.codeBits() > 2
                ? new LowRankMethod.Warm(0, 3, 1, 2.5, 0.1, 1.2)
                : new LowRankMethod.Warm(32, 3, 2, 1, 0, 1);
        return new LqSettings(
                base, rank, factors, FisherHeuristic.TWO_SIDED, method, new Stopping.Patient(alternations, 5, 5e-4));
    }

    /** The same with another low-rank step. */
    public LqSettings with(LowRankMethod other) {
        return new LqSettings(base, rank, factors, heuristic, other, stopping);
    }

    /** The same with another use of the Fisher weights. */
    public LqSettings with(FisherHeuristic other) {
        return new LqSettings(base, rank, factors, other, method, stopping);
    }

    /** The same with another end. */
    public LqSettings with(Stopping other) {
        return new LqSettings(base, rank, factors, heuristic, method, other);
    }
}
