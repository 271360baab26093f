package dev.lowbit.jobs.importing;

import java.util.List;
import java.util.OptionalLong;

/**
 * What an import made.
 *
 * @param formats those of the matrices, each once
 * @param matrices how many there are
 * @param weights of all of them
 * @param bitsPerWeight 8 x bytes / weights
 * @param bytes stored bytes of their parts
 * @param outputBytes all files of the output
 * @param seconds wall-clock time
 * @param peakMemoryBytes of the process, where the system tells
 * @param warnings what is odd about the input
 */
public record ImportResult(
        List<String> formats,
        int matrices,
        long weights,
        double bitsPerWeight,
        long bytes,
        long outputBytes,
        double seconds,
        OptionalLong peakMemoryBytes,
        List<String> warnings) {}
