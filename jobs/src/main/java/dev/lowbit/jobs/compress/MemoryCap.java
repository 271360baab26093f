package dev.lowbit.jobs.compress;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.PeakMemory;
import dev.lowbit.jobs.Quantity;
import dev.lowbit.method.Compressor;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/** Refuses a job that cannot keep its cap before it starts, and tells when one did not. */
final class MemoryCap {
    /** Compiled code, the collector's own structures and short-lived objects of a job: an allowance, not a measurement. */
    private static final long GROWTH_BYTES = 96L << 20;

    private final OptionalLong capBytes;

    MemoryCap(OptionalLong capBytes) {
        this.capBytes = capBytes;
    }

    /**
     * Compares the cap with what the largest matrix needs.
     *
     * @param weighted whether an importance of the same size lies beside the weights
     * @throws InvalidRequestException (impossible) naming the need
     */
    void require(List<Target> targets, Compressor method, Compressor.Limits limits, boolean weighted) {
        if (capBytes.isEmpty()) {
            return;
        }
        Target largest = targets.stream()
                .max(Comparator.comparingLong(target -> bytes(target, method, limits, weighted)))
                .orElseThrow();
        long need = PeakMemory.residentBytes().orElse(0) + GROWTH_BYTES + bytes(largest, method, limits, weighted);
        if (need > capBytes.getAsLong()) {
            throw InvalidRequestException.impossible("--memory allows " + Quantity.bytes(capBytes.getAsLong())
                    + ", " + largest.name() + " (" + largest.rows() + " x " + largest.columns() + ") needs "
                    + Quantity.bytes(need) + "; give --memory " + megabytes(need)
                    + "MiB or more, or leave it out with --skip");
        }
    }

    /** Whether that many more bytes keep the cap. */
    boolean allows(long bytes) {
        return capBytes.isEmpty()
                || PeakMemory.residentBytes().orElse(0) + GROWTH_BYTES + bytes <= capBytes.getAsLong();
    }

    private static long megabytes(long bytes) {
        return Math.ceilDiv(bytes, 1L << 20);
    }

    private static long bytes(Target target, Compressor method, Compressor.Limits limits, boolean weighted) {
        long weights = target.weights() * Float.BYTES;
        // an importance of the same size, the second moment of the inputs, and its factorization in double
        long importance = weights + (long) target.columns() * target.columns() * (2L * Float.BYTES + Double.BYTES);
        return weights + (weighted ? importance : 0) + method.scratchBytes(target.rows(), target.columns(), limits);
    }

    /** A warning when the process's peak exceeds the cap. */
    Optional<String> broken() {
        OptionalLong peak = PeakMemory.bytes();
        return capBytes.isPresent() && peak.orElse(0) > capBytes.getAsLong()
                ? Optional.of("the peak of " + Quantity.bytes(peak.getAsLong()) + " is above the cap of "
                        + Quantity.bytes(capBytes.getAsLong()) + "; give the Java heap less room with -Xmx")
                : Optional.empty();
    }
}
