package dev.lowbit.jobs.bench;

import java.util.List;
import java.util.OptionalDouble;

/**
 * What {@code bench --model} measured: the document of {@code --json}.
 *
 * @param bitsPerWeight of the compressed matrices; absent for a model in floats
 * @param bandwidth what this machine reads from memory, with one thread and with all
 * @param decoding with each accuracy and number of threads
 */
public record DecodeResult(
        OptionalDouble bitsPerWeight, List<BenchResult.Bandwidth> bandwidth, List<DecodeSpeed> decoding) {
    public DecodeResult {
        bandwidth = List.copyOf(bandwidth);
        decoding = List.copyOf(decoding);
    }
}
