package dev.lowbit.jobs.bench;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.MemoryBandwidth;
import dev.lowbit.jobs.MemoryCap;
import dev.lowbit.jobs.ProgressListener;
import dev.lowbit.jobs.WorkerPool;
import dev.lowbit.jobs.compress.Cancellation;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.Accuracy;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.FloatMatrix;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;

/** Measures the products of packed matrices on this machine, with one thread and with all. */
public final class BenchJob {
    /** Rows and columns whose weights have fewer than 2^63 bytes, twice over. */
    private static final int MOST = 1 << 29;

    private BenchJob() {}

    /**
     * Runs it.
     *
     * @param formats of the matrices
     * @param accuracies of the products; where a format has none of them on this machine it is left out
     * @param size rows and columns
     * @param seconds of each round of a measurement
     * @param threads the most that are used
     * @param memoryBytes cap of the process; empty for none
     * @throws InvalidRequestException (usage) for a format that cannot be measured; (impossible) when the size is too large
     *     for one, or the cap too small
     */
    public static BenchResult run(
            List<String> formats,
            Set<Accuracy> accuracies,
            int size,
            double seconds,
            int threads,
            OptionalLong memoryBytes,
            ProgressListener progress) {
        if (size > MOST) {
            throw InvalidRequestException.impossible("--size " + size
                    + " makes matrices of more than 2^58 weights, which no memory holds; take a smaller --size");
        }
        formats.forEach(format -> SampleMatrices.require(format, size, size));
        // two matrices of floats: the weights, and the packed and prepared forms at most
        new MemoryCap(memoryBytes)
                .require(
                        2L * Float.BYTES * size * size + MemoryBandwidth.BYTES,
                        "products of " + size + " x " + size,
                        "take a smaller --size");
        List<BenchResult.Bandwidth> bandwidths = new ArrayList<>();
        List<ProductSpeed> products = new ArrayList<>();
        int[] counts = threads == 1 ? new int[] {1} : new int[] {1, threads};
        try (ProgressListener.Stage stage = progress.stage("measuring", formats.size(), "formats");
                WorkerPool all = new WorkerPool(threads);
                WorkerPool one = new WorkerPool(1);
                FloatMatrix weights = SampleMatrices.gaussian(size, size);
                FloatMatrix x = SampleMatrices.gaussian(1, size)) {
            for (int count : counts) {
                bandwidths.add(new BenchResult.Bandwidth(
                        count, MemoryBandwidth.readBytesPerSecond((count == 1 ? one : all).workers())));
            }
            for (String format : formats) {
                QuantizedMatrix matrix = SampleMatrices.of(format, weights, all.workers());
                for (Accuracy accuracy : accuracies) {
                    for (int i = 0; i < counts.length; i++) {
                        Workers workers = (counts[i] == 1 ? one : all).workers();
                        QuantizedMatrix prepared = matrix.prepare(accuracy, workers);
                        if (prepared.accuracy() == accuracy) {
                            double bandwidth = bandwidths.get(i).readBytesPerSecond();
                            products.add(ProductSpeed.of(prepared, x, counts[i], seconds, bandwidth, workers));
                        }
                    }
                }
                Cancellation.check();
                stage.advance(1);
            }
        }
        return new BenchResult(size, bandwidths, products);
    }
}
