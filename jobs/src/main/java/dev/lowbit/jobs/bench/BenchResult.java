package dev.lowbit.jobs.bench;

import java.util.List;

/**
 * What was measured: the document of {@code --json}.
 *
 * @param size rows and columns of the matrices
 * @param bandwidth what this machine reads from memory, by threads
 * @param products in the order of formats, each by threads
 */
public record BenchResult(int size, List<Bandwidth> bandwidth, List<ProductSpeed> products) {
    public BenchResult {
        bandwidth = List.copyOf(bandwidth);
        products = List.copyOf(products);
    }

    /**
     * The roof over every product whose weights lie in memory.
     *
     * @param threads that read together
     * @param readBytesPerSecond the best of a few passes
     */
    public record Bandwidth(int threads, double readBytesPerSecond) {}
}
