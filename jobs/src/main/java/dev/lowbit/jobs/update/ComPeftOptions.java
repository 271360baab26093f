package dev.lowbit.jobs.update;

import dev.lowbit.compeft.ComPeftSettings;
import dev.lowbit.compeft.Granularity;
import dev.lowbit.error.InvalidRequestException;
import java.util.Optional;
import picocli.CommandLine.Option;

/** What of an update is kept, and how; every one of these belongs to {@code export --to compeft} alone. */
public final class ComPeftOptions {
    private static final double DENSITY = 0.1;

    @Option(
            names = "--density",
            paramLabel = "K",
            description =
                    "compeft: share of the entries to keep, those of largest magnitude (default: " + DENSITY + ").")
    private Optional<Double> density;

    @Option(
            names = "--alpha",
            paramLabel = "A",
            description = "compeft: the kept entries become A times the deviation of all entries (default: 1).")
    private Optional<Double> alpha;

    @Option(
            names = "--mean-magnitude",
            description = "compeft: the kept entries become their mean magnitude, which leaves the least error.")
    private boolean meanMagnitude;

    @Option(
            names = "--per-tensor",
            description = "compeft: choose entries and scale for every tensor by itself, not for all together.")
    private boolean perTensor;

    /** @throws InvalidRequestException (usage) for numbers out of range and for contradictions */
    public ComPeftSettings settings() {
        if (meanMagnitude && alpha.isPresent()) {
            throw InvalidRequestException.usage("--alpha and --mean-magnitude are two ways to a scale; give one");
        }
        ComPeftSettings settings = ComPeftSettings.of(density.orElse(DENSITY))
                .with(perTensor ? Granularity.PER_TENSOR : Granularity.GLOBAL);
        return meanMagnitude ? settings.withMeanMagnitude() : settings.withAlpha(alpha.orElse(1.0));
    }

    /**
     * Refuses all of them for another format.
     *
     * @throws InvalidRequestException (usage) when one was given
     */
    public void requireNone(String format) {
        if (density.isPresent() || alpha.isPresent() || meanMagnitude || perTensor) {
            throw InvalidRequestException.usage(
                    "--density, --alpha, --mean-magnitude and --per-tensor belong to --to compeft; --to " + format
                            + " takes none of them, leave them out");
        }
    }
}
