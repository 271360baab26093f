package dev.lowbit.jobs;

import picocli.CommandLine.Option;

/** How a job runs. None of these changes the bytes of a result except the seed. */
public final class RunOptions extends ResourceOptions {
    @Option(
            names = "--seed",
            paramLabel = "S",
            defaultValue = "0",
            description = "Root of every random choice (default: 0).")
    private long seed;

    public long seed() {
        return seed;
    }
}
