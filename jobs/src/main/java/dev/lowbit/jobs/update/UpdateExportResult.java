package dev.lowbit.jobs.update;

import java.util.List;
import java.util.OptionalLong;

/**
 * What an export of an update made.
 *
 * @param format {@code compeft}
 * @param tensors how many the update has
 * @param entries d, values of all of them
 * @param density share of the entries that was asked for
 * @param nonZeros entries that are not zero
 * @param bytes of update.compeft, everything counted
 * @param originalBytes of the update's tensors where they come from, headers not counted
 * @param ratio originalBytes / bytes
 * @param ratio16 the same against 16 bits for each entry
 * @param bitsPerEntry 8 x bytes / entries
 * @param relativeError ||τ - τ̂|| / ||τ||
 * @param seconds wall-clock time
 * @param peakMemoryBytes of the process, where the system tells
 * @param warnings what is odd about the input
 */
public record UpdateExportResult(
        String format,
        int tensors,
        long entries,
        double density,
        long nonZeros,
        long bytes,
        long originalBytes,
        double ratio,
        double ratio16,
        double bitsPerEntry,
        double relativeError,
        double seconds,
        OptionalLong peakMemoryBytes,
        List<String> warnings) {}
