package dev.lowbit.jobs;

import java.io.PrintStream;
import java.util.Objects;

/**
 * Where a command speaks: results on {@code out}, everything else on {@code err}. Commands get it in their constructor and
 * never touch System.out or System.err, so a test can run any command in its own process.
 */
public final class Console {
    private final PrintStream out;
    private final PrintStream err;
    private final boolean terminal;
    private volatile String interruptHint = "";
    private volatile boolean interrupted;

    /** @param terminal whether {@code err} is a terminal, so that a moving progress bar makes sense */
    public Console(PrintStream out, PrintStream err, boolean terminal) {
        this.out = Objects.requireNonNull(out);
        this.err = Objects.requireNonNull(err);
        this.terminal = terminal;
    }

    /** Results only. */
    public PrintStream out() {
        return out;
    }

    /** Progress, warnings, errors. */
    public PrintStream err() {
        return err;
    }

    /** Progress for a command with these options: a bar on a terminal, plain lines elsewhere, nothing with --quiet. */
    public ProgressListener progress(OutputOptions options) {
        if (options.quiet()) {
            return ProgressListener.none();
        }
        return terminal ? new BarProgress(err) : new LineProgress(err);
    }

    /** Sets what an interrupted user is told, for example that {@code --resume} continues the job; empty for nothing. */
    public void interruptHint(String hint) {
        interruptHint = hint;
    }

    /** From now on the interrupt is what the user is told; what fails because of it is not worth a line. */
    void interrupted() {
        interrupted = true;
    }

    boolean isInterrupted() {
        return interrupted;
    }

    String interruptHint() {
        return interruptHint;
    }
}
