package dev.lowbit.jobs;

import dev.lowbit.error.InvalidRequestException;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * The promise of {@code --memory}: refuses what cannot keep it before it starts, and tells when it was not kept.
 *
 * @param bytes most resident bytes of the process; empty for no cap
 */
public record MemoryCap(OptionalLong bytes) {
    /** Compiled code, the collector's own structures and short-lived objects of a job: an allowance, not a measurement. */
    private static final long GROWTH_BYTES = 96L << 20;

    /** By so much two processes differ before they have done any work: what one names is to be enough for the next. */
    private static final long VARIATION_BYTES = 8L << 20;

    /** Bytes that may still be taken beside what the process has now; the largest number without a cap. */
    public long room() {
        return bytes.isEmpty() ? Long.MAX_VALUE : bytes.getAsLong() - used();
    }

    private static long used() {
        return PeakMemory.residentBytes().orElse(0) + GROWTH_BYTES;
    }

    /**
     * Compares the cap with a need.
     *
     * @param more bytes that are needed beside what the process has now
     * @param what needs them
     * @param otherwise what to do instead of raising the cap
     * @throws InvalidRequestException (impossible) naming the need
     */
    public void require(long more, String what, String otherwise) {
        if (more > room()) {
            long need = used() + more;
            throw InvalidRequestException.impossible("--memory allows " + Quantity.bytes(bytes.getAsLong()) + ", "
                    + what + " needs " + Quantity.bytes(need) + "; give --memory "
                    + Math.ceilDiv(need + VARIATION_BYTES, 1L << 20)
                    + "MiB or more, or " + otherwise);
        }
    }

    /**
     * Under a cap, has what is dead on the Java heap removed. The factors of a Hessian are single arrays of hundreds of megabytes, and rather than look for
     * dead ones the collector lets the heap grow.
     */
    public void collect() {
        if (bytes.isPresent()) {
            System.gc();
        }
    }

    /** A warning when the process's peak exceeds the cap. */
    public Optional<String> broken() {
        OptionalLong peak = PeakMemory.bytes();
        return bytes.isPresent() && peak.orElse(0) > bytes.getAsLong()
                ? Optional.of("the peak of " + Quantity.bytes(peak.getAsLong()) + " is above the cap of "
                        + Quantity.bytes(bytes.getAsLong()) + "; give that much, or the Java heap less room with -Xmx")
                : Optional.empty();
    }
}
