package dev.lowbit.kernel;

import java.util.concurrent.ExecutorService;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntConsumer;

/**
 * {@link Workers} on the threads of an executor. Threads that have finished wait a moment for what the caller does next before they go back: waking one takes as long as a
 * product of a small matrix, and a token needs dozens of these.
 */
final class ExecutorWorkers implements Workers {
    /** How long a thread looks for more work, and a caller for the end of the last task, before it lets go of its processor. */
    private static final long PATIENCE_NANOS = 100_000;

    private static final int SPINS_PER_LOOK = 64;

    private final ExecutorService executor;
    private final int parallelism;

    /** Whether a caller has the threads; another one works alone, also one that is called by a task. */
    private final AtomicBoolean taken = new AtomicBoolean();

    /** Threads that work, or look for more. */
    private final AtomicInteger present = new AtomicInteger();

    private volatile Job offered;

    ExecutorWorkers(ExecutorService executor, int parallelism) {
        this.executor = executor;
        this.parallelism = parallelism;
    }

    @Override
    public int parallelism() {
        return parallelism;
    }

    @Override
    public void forEach(int tasks, IntConsumer body) {
        int helpers = Math.min(parallelism, tasks) - 1;
        if (helpers <= 0 || !taken.compareAndSet(false, true)) {
            Workers.serial().forEach(tasks, body);
            return;
        }
        Job job = new Job(tasks, body);
        try {
            offered = job;
            ask(helpers - present.get());
            job.work();
        } finally {
            offered = null;
            job.await();
            taken.set(false);
        }
        job.rethrow();
    }

    /** An executor that takes no more, or cannot start a thread, leaves the work to the caller. */
    private void ask(int helpers) {
        for (int i = 0; i < helpers; i++) {
            present.incrementAndGet();
            try {
                executor.execute(this::help);
            } catch (RuntimeException | OutOfMemoryError e) {
                // no native thread is an OutOfMemoryError, and so is what a caller without memory soon meets itself
                present.decrementAndGet();
                return;
            } catch (Error e) {
                present.decrementAndGet();
                throw e;
            }
        }
    }

    private void help() {
        Job last = null;
        do {
            last = helpWhileThereIsWork(last);
            present.decrementAndGet();
            // offered meanwhile by a caller who counted on this thread?
        } while (offered != null && offered != last && present.incrementAndGet() > 0);
    }

    private Job helpWhileThereIsWork(Job before) {
        Job last = before;
        long since = System.nanoTime();
        while (System.nanoTime() - since < PATIENCE_NANOS) {
            Job job = offered;
            if (job != null && job != last) {
                job.help();
                last = job;
                since = System.nanoTime();
            }
            for (int i = 0; i < SPINS_PER_LOOK && offered == last; i++) {
                Thread.onSpinWait();
            }
        }
        return last;
    }

    /** One call. */
    private static final class Job {
        private final int tasks;
        private final IntConsumer body;
        private final AtomicInteger next = new AtomicInteger();
        private final AtomicInteger helping = new AtomicInteger();
        private Throwable failure;
        private volatile Thread waiting;

        Job(int tasks, IntConsumer body) {
            this.tasks = tasks;
            this.body = body;
        }

        /** Takes tasks until there are no more. */
        void work() {
            try {
                for (int task = next.getAndIncrement(); task < tasks; task = next.getAndIncrement()) {
                    body.accept(task);
                }
            } catch (RuntimeException | Error e) {
                fail(e);
            }
        }

        private synchronized void fail(Throwable e) {
            failure = failure == null ? e : failure;
            next.set(tasks);
        }

        /** {@link #work} of a thread for which the caller waits. Who comes too late finds no task left. */
        void help() {
            helping.incrementAndGet();
            try {
                work();
            } finally {
                Thread waits = waiting;
                if (helping.decrementAndGet() == 0 && waits != null) {
                    LockSupport.unpark(waits);
                }
            }
        }

        /** Waits for the tasks that others took, even after an interrupt, because these still write into memory that the caller may free. */
        void await() {
            long since = System.nanoTime();
            boolean interrupted = false;
            while (helping.get() > 0) {
                if (System.nanoTime() - since < PATIENCE_NANOS) {
                    Thread.onSpinWait();
                    continue;
                }
                waiting = Thread.currentThread();
                if (helping.get() > 0) {
                    LockSupport.parkNanos(PATIENCE_NANOS);
                    interrupted |= Thread.interrupted();
                }
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }

        synchronized void rethrow() {
            if (failure instanceof RuntimeException e) {
                throw e;
            }
            if (failure instanceof Error e) {
                throw e;
            }
        }
    }
}
