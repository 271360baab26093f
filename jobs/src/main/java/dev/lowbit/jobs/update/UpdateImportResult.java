package dev.lowbit.jobs.update;

import java.util.Optional;
import java.util.OptionalLong;

/**
 * What an import of updates made.
 *
 * @param kind {@code adapter}, {@code checkpoint} or {@code compressed}
 * @param updates how many were read
 * @param merge how several were merged
 * @param tensors how many tensors were decoded, or changed in the base
 * @param outputBytes all files of the output
 * @param seconds wall-clock time
 * @param peakMemoryBytes of the process, where the system tells
 */
public record UpdateImportResult(
        String kind,
        int updates,
        Optional<String> merge,
        int tensors,
        long outputBytes,
        double seconds,
        OptionalLong peakMemoryBytes) {}
