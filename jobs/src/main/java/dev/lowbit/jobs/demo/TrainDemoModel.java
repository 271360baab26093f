package dev.lowbit.jobs.demo;

import dev.lowbit.jobs.WorkerPool;
import java.nio.file.Path;

/** Makes the model that {@code lowbit demo} embeds; jobs/demo/train.sh runs it. */
public final class TrainDemoModel {
    private TrainDemoModel() {}

    /** Trains into the folder {@code args[0]} with {@code args[1]} threads, or on all processors. */
    public static void main(String[] args) {
        int threads = args.length > 1
                ? Integer.parseInt(args[1])
                : Runtime.getRuntime().availableProcessors();
        long start = System.nanoTime();
        try (WorkerPool pool = new WorkerPool(threads)) {
            DemoTraining.run(
                    DemoTraining.Settings.demo(),
                    Path.of(args[0]),
                    pool.workers(),
                    line -> System.out.println((System.nanoTime() - start) / 1_000_000_000 + " s: " + line));
        }
    }
}
