package dev.lowbit.jobs.compress;

import java.util.concurrent.CancellationException;

/** Lets a job stop between two steps when its thread was interrupted; whatever is finished is safe by then. */
public final class Cancellation {
    private Cancellation() {}

    /** @throws CancellationException when the thread is interrupted, which it stays */
    public static void check() {
        if (Thread.currentThread().isInterrupted()) {
            throw new CancellationException("interrupted");
        }
    }
}
