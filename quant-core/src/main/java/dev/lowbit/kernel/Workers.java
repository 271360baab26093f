package dev.lowbit.kernel;

import java.util.concurrent.ExecutorService;
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
     * closes. One call at a time has them: another, also one from within a task, runs on its caller alone.
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
