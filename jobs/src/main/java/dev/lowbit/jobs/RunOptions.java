package dev.lowbit.jobs;

import java.util.OptionalLong;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** How a command runs, whatever it does. None of these changes the bytes of a result except the seed. */
public final class RunOptions {
    @Spec(Spec.Target.MIXEE)
    private CommandSpec command;

    private int threads = Runtime.getRuntime().availableProcessors();
    private long memoryBytes;

    @Option(
            names = "--seed",
            paramLabel = "S",
            defaultValue = "0",
            description = "Root of every random choice (default: 0).")
    private long seed;

    @Option(names = "--quiet", description = "No progress and no notes on stderr; errors still appear.")
    private boolean quiet;

    @Option(names = "--json", description = "The result as one JSON document on stdout.")
    private boolean json;

    @Option(
            names = "--threads",
            paramLabel = "N",
            description = "Threads that work at once (default: all processors). Results do not depend on it.")
    private void threads(int value) {
        if (value < 1) {
            throw new ParameterException(command.commandLine(), "--threads " + value + ": at least 1 is needed");
        }
        threads = value;
    }

    @Option(
            names = "--memory",
            paramLabel = "SIZE",
            description = "Cap of the process's resident memory, for example 8GiB; kept, not a hint.")
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

    public long seed() {
        return seed;
    }

    public boolean quiet() {
        return quiet;
    }

    public boolean json() {
        return json;
    }

    /** Starts the command's threads; the caller closes them. */
    public WorkerPool openWorkers() {
        return new WorkerPool(threads);
    }
}
