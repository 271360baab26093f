package dev.lowbit.compeft;

import dev.lowbit.error.InvalidRequestException;
import java.math.BigDecimal;
import java.math.RoundingMode;

/**
 * What is kept of an update, and how.
 *
 * @param density k, the share of entries to be kept: above 0, at most 1, below 1 for {@link SelectionRule#ORIGINAL}
 * @param selection how many entries k means
 * @param scaleRule what the signs are multiplied with
 * @param alpha α, above 0; 1 for {@link ScaleRule#MEAN_MAGNITUDE}, which has none
 * @param granularity what shares a threshold and a scale
 * @param code how the signs are stored
 */
public record ComPeftSettings(
        double density,
        SelectionRule selection,
        ScaleRule scaleRule,
        double alpha,
        Granularity granularity,
        TernaryCode code) {
    /** @throws InvalidRequestException (usage) for numbers outside of their ranges and for contradictions */
    public ComPeftSettings {
        if (!(density > 0 && density <= 1)) {
            throw InvalidRequestException.usage("a density is a share above 0 and at most 1, got " + density
                    + "; write 0.05 to keep 5 % of the entries");
        }
        if (selection == SelectionRule.ORIGINAL && density == 1) {
            throw InvalidRequestException.usage(
                    "the original's rule has no threshold at density 1; use the exact count,"
                            + " which keeps every entry that is not zero");
        }
        if (!(alpha > 0) || alpha == Double.POSITIVE_INFINITY) {
            throw InvalidRequestException.usage(
                    "alpha is a factor above 0, got " + alpha + "; write 1 unless validation data prefers another");
        }
        if (scaleRule == ScaleRule.MEAN_MAGNITUDE && alpha != 1) {
            throw InvalidRequestException.usage("the mean magnitude takes no alpha, got " + alpha
                    + "; leave it at 1, or use the scale alpha times sigma");
        }
    }

    /** The paper's way with the project's defaults: an exact count, s = σ, one scale, Rice codes. */
    public static ComPeftSettings of(double density) {
        return new ComPeftSettings(
                density, SelectionRule.EXACT_COUNT, ScaleRule.ALPHA_SIGMA, 1, Granularity.GLOBAL, TernaryCode.RICE);
    }

    /** The same with another rule for how many entries are kept. */
    public ComPeftSettings with(SelectionRule other) {
        return new ComPeftSettings(density, other, scaleRule, alpha, granularity, code);
    }

    /** The same with s = α σ. */
    public ComPeftSettings withAlpha(double other) {
        return new ComPeftSettings(density, selection, ScaleRule.ALPHA_SIGMA, other, granularity, code);
    }

    /** The same with the best scale for the signs. */
    public ComPeftSettings withMeanMagnitude() {
        return new ComPeftSettings(density, selection, ScaleRule.MEAN_MAGNITUDE, 1, granularity, code);
    }

    /** The same with other things sharing a threshold and a scale. */
    public ComPeftSettings with(Granularity other) {
        return new ComPeftSettings(density, selection, scaleRule, alpha, other, code);
    }

    /** The same stored in another way. */
    public ComPeftSettings with(TernaryCode other) {
        return new ComPeftSettings(density, selection, scaleRule, alpha, granularity, other);
    }

    /**
     * How many of so many entries are kept at least, were none of them zero: exactly so many by {@link SelectionRule#EXACT_COUNT}, more where magnitudes
     * are equal by {@link SelectionRule#ORIGINAL}.
     */
    long kept(long length) {
        return switch (selection) {
            // decimal, because 0.145 of 100 is 14.5 for who wrote it and less as a product of doubles
            case EXACT_COUNT ->
                BigDecimal.valueOf(density)
                        .multiply(BigDecimal.valueOf(length))
                        .setScale(0, RoundingMode.HALF_UP)
                        .longValueExact();
            case ORIGINAL -> length == 0 ? 0 : (long) (length * density) + 1;
        };
    }
}
