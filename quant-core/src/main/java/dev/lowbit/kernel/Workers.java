package dev.lowbit.kernel;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;

/**
 * Parallelism as an argument: who may run the independent tasks of one operation. Tasks must write disjoint results and
 * must not depend on who runs them, so every {@code Workers} gives the same bytes.
 */
public interface Workers {
    /** How many tasks can run at once, at least 1. */
    int parallelism();

    /** Runs {@code body} once for each of 0 .. tasks-1 and returns when all are done; the first failure is rethrown. */
    void forEach(int tasks, IntConsumer body);

    /** Runs everything on the calling thread. */
    static Workers serial() {
        return SerialWorkers.INSTANCE;
    }

    /**
     * Runs on the caller and on up to {@code parallelism - 1} threads of {@code executor}, which the caller owns and
     * closes.
     */
    static Workers on(ExecutorService executor, int parallelism) {
        if (parallelism < 1) {
            throw new IllegalArgumentException("parallelism must be at least 1, got " + parallelism);
        }
        return parallelism == 1 ? serial() : new ExecutorWorkers(executor, parallelism);
    }
}

enum SerialWorkers implements Workers {
    INSTANCE;

    @Override
    public int parallelism() {
        return 1;
    }

    @Override
    public void forEach(int tasks, IntConsumer body) {
        for (int task = 0; task < tasks; task++) {
            body.accept(task);
        }
    }
}

record ExecutorWorkers(ExecutorService executor, int parallelism) implements Workers {
    @Override
    public void forEach(int tasks, IntConsumer body) {
        AtomicInteger next = new AtomicInteger();
        Runnable drain = () -> {
            for (int task = next.getAndIncrement(); task < tasks; task = next.getAndIncrement()) {
                body.accept(task);
            }
        };
        int helpers = Math.min(parallelism, tasks) - 1;
        Future<?>[] futures = new Future<?>[Math.max(helpers, 0)];
        for (int i = 0; i < futures.length; i++) {
            futures[i] = executor.submit(drain);
        }
        Throwable failure = null;
        try {
            drain.run();
        } catch (RuntimeException | Error e) {
            next.set(tasks);
            failure = e;
        }
        for (Future<?> future : futures) {
            failure = await(future, failure, next, tasks);
        }
        if (failure instanceof RuntimeException e) {
            throw e;
        }
        if (failure instanceof Error e) {
            throw e;
        }
    }

    /** Waits even after an interrupt, because tasks still write into memory that the caller may free. */
    private static Throwable await(Future<?> future, Throwable failure, AtomicInteger next, int tasks) {
        boolean interrupted = false;
        Throwable result = failure;
        while (true) {
            try {
                future.get();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            } catch (ExecutionException e) {
                next.set(tasks);
                result = result == null ? e.getCause() : result;
                break;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return result;
    }
}
