package dev.lowbit.jobs;

import dev.lowbit.kernel.Workers;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;

/** The threads of one command: a fixed pool that the command owns and closes. The calling thread works too. */
public final class WorkerPool implements AutoCloseable {
    private final ExecutorService executor;
    private final Workers workers;

    /** @param threads threads that work at once, the caller included, at least 1 */
    public WorkerPool(int threads) {
        AtomicInteger number = new AtomicInteger();
        executor = threads == 1
                ? null
                : Executors.newFixedThreadPool(threads - 1, task -> {
                    Thread thread = new Thread(task, "lowbit-worker-" + number.incrementAndGet());
                    thread.setDaemon(true);
                    return thread;
                });
        workers = executor == null ? Workers.serial() : Workers.on(executor, threads);
    }

    public Workers workers() {
        return workers;
    }

    @Override
    public void close() {
        if (executor != null) {
            executor.shutdownNow();
        }
    }
}
