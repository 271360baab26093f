package dev.lowbit.jobs.bench;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.MemoryBandwidth;
import dev.lowbit.jobs.ModelInput;
import dev.lowbit.jobs.ProgressListener;
import dev.lowbit.jobs.WorkerPool;
import dev.lowbit.matrix.Accuracy;
import dev.lowbit.store.Manifest;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;

/** Measures how fast a model writes on this machine, with one thread and with all. */
public final class DecodeJob {
    private DecodeJob() {}

    /**
     * Runs it.
     *
     * @param model complete folder, or what compress wrote; no tokenizer is needed
     * @param accuracies of the products
     * @param tokens that are measured
     * @param threads the most that are used
     * @param memoryBytes cap of the process; empty for none
     * @throws InvalidRequestException (impossible) when the model's context or the cap is too small
     */
    public static DecodeResult run(
            Path model,
            Set<Accuracy> accuracies,
            int tokens,
            int threads,
            OptionalLong memoryBytes,
            ProgressListener progress) {
        int copies = accuracies.stream().mapToInt(ModelInput::copies).max().orElseThrow();
        ModelInput.require(
                memoryBytes,
                shape -> shape.forwardBytes(1) + shape.cacheBytes(DecodeSpeed.context(tokens)),
                List.of(model),
                copies);
        int[] counts = threads == 1 ? new int[] {1} : new int[] {1, threads};
        List<BenchResult.Bandwidth> bandwidths = new ArrayList<>();
        List<DecodeSpeed> speeds = new ArrayList<>();
        try (ProgressListener.Stage stage =
                        progress.stage("decoding", (long) accuracies.size() * counts.length, "measurements");
                ModelInput input = ModelInput.open(model)) {
            int context = input.transformer().shape().context();
            if (DecodeSpeed.context(tokens) > context) {
                throw InvalidRequestException.impossible("--tokens " + tokens + " need a context of "
                        + DecodeSpeed.context(tokens) + ", the model's is " + context + "; measure fewer");
            }
            for (int count : counts) {
                try (WorkerPool pool = new WorkerPool(count)) {
                    bandwidths.add(
                            new BenchResult.Bandwidth(count, MemoryBandwidth.readBytesPerSecond(pool.workers())));
                }
            }
            // exact products first: what is prepared for fast ones stays so in parts
            for (Accuracy accuracy : new TreeSet<>(accuracies)) {
                for (BenchResult.Bandwidth bandwidth : bandwidths) {
                    try (WorkerPool pool = new WorkerPool(bandwidth.threads())) {
                        input.transformer().prepare(accuracy, pool.workers());
                        speeds.add(DecodeSpeed.of(
                                input.transformer(),
                                accuracy,
                                tokens,
                                bandwidth.threads(),
                                bandwidth.readBytesPerSecond(),
                                pool.workers()));
                        stage.advance(1);
                    }
                }
            }
            OptionalDouble bits = input.manifest()
                    .map(Manifest::bitsPerWeight)
                    .map(OptionalDouble::of)
                    .orElse(OptionalDouble.empty());
            return new DecodeResult(bits, bandwidths, speeds);
        }
    }
}
