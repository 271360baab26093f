package dev.lowbit.transformer.text;

import dev.lowbit.kernel.Workers;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** Workers on all processors, for tests that compute much. */
final class TestThreads implements AutoCloseable {
    private final ExecutorService executor = Executors.newCachedThreadPool();

    Workers workers() {
        return workers(Runtime.getRuntime().availableProcessors());
    }

    Workers workers(int threads) {
        return Workers.on(executor, threads);
    }

    @Override
    public void close() {
        executor.shutdownNow();
    }
}
