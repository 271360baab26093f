package dev.lowbit.jobs;

import java.util.OptionalLong;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** What of the machine a command may use; none of it changes a byte of the result. */
public class ResourceOptions extends OutputOptions {
    @Spec(Spec.Target.MIXEE)
    private CommandSpec command;

    private int threads = Runtime.getRuntime().availableProcessors();
    private long memoryBytes;

    @Option(
            names = "--threads",
            paramLabel = "N",
            description = "Threads that work at once (default: all processors). Results do not depend on it.")
    private void threads(int value) {
        threads = (int) OptionValues.atLeast(command, "--threads", value, 1);
    }

    @Option(
            names = "--memory",
            paramLabel = "SIZE",
            description =
                    "Cap of the process's resident memory, for example 8GiB: the launcher sizes the Java heap by it, and a command refuses"
                            + " what it knows to need more.")
    private void memory(String size) {
        memoryBytes = OptionValues.size(command, "--memory", size);
    }

    public int threads() {
        return threads;
    }

    /** The cap in bytes; empty when none was asked for. */
    public OptionalLong memoryBytes() {
        return memoryBytes == 0 ? OptionalLong.empty() : OptionalLong.of(memoryBytes);
    }

    /** Starts the command's threads; the caller closes them. */
    public WorkerPool openWorkers() {
        return new WorkerPool(threads);
    }
}
