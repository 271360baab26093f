package dev.lowbit.jobs;

import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.error.DeviceException;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.NonFiniteWeightException;
import dev.lowbit.error.UnsupportedModelException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;

/** What the process answers to its caller: one code for each kind of fault. Scripts depend on the numbers. */
public final class ExitCodes {
    /** Done. */
    public static final int OK = 0;
    /** A fault of Lowbit itself. */
    public static final int BUG = 1;
    /** Unknown or contradictory options, a pattern that matches nothing. */
    public static final int USAGE = 2;
    /** The input breaks its format. */
    public static final int MALFORMED = 3;
    /** The input is well-formed but not supported. */
    public static final int UNSUPPORTED = 4;
    /** Understood, but cannot be done as asked. */
    public static final int IMPOSSIBLE = 5;
    /** Disk full, unreadable, not writable. */
    public static final int IO = 6;
    /** No such device, or it failed. */
    public static final int DEVICE = 7;
    /** {@code verify} found damage. */
    public static final int DAMAGED = 8;
    /** Interrupted; a job can be resumed. */
    public static final int INTERRUPTED = 130;

    private ExitCodes() {}

    /** The code for a failure; wrappers of executors and of unchecked I/O are looked through. */
    public static int of(Throwable failure) {
        return switch (root(failure)) {
            case InvalidRequestException e -> e.kind() == InvalidRequestException.Kind.USAGE ? USAGE : IMPOSSIBLE;
            case MalformedFileException e -> MALFORMED;
            case NonFiniteWeightException e -> MALFORMED;
            case UnsupportedModelException e -> UNSUPPORTED;
            case DeviceException e -> DEVICE;
            case InterruptedException e -> INTERRUPTED;
            case ClosedByInterruptException e -> INTERRUPTED;
            case CancellationException e -> INTERRUPTED;
            case IOException e -> IO;
            case OutOfMemoryError e -> IMPOSSIBLE;
            case InternalError e when isLostMapping(e) -> MALFORMED;
            default -> BUG;
        };
    }

    /** Whether the JVM met the end of a mapped file that somebody truncated. */
    static boolean isLostMapping(Throwable failure) {
        return failure instanceof InternalError
                && failure.getMessage() != null
                && failure.getMessage().contains("unsafe memory access");
    }

    /** The failure itself, without the wrappers that only carry it. */
    static Throwable root(Throwable failure) {
        Throwable root = failure;
        while (root.getCause() != null
                && (root instanceof UncheckedIOException
                        || root instanceof ExecutionException
                        || root instanceof CompletionException)) {
            root = root.getCause();
        }
        return root;
    }
}
