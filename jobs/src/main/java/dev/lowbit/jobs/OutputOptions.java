package dev.lowbit.jobs;

import picocli.CommandLine.Option;

/** How a command speaks. */
public class OutputOptions {
    @Option(names = "--quiet", description = "No progress and no notes on stderr; errors still appear.")
    private boolean quiet;

    @Option(names = "--json", description = "The result as one JSON document on stdout.")
    private boolean json;

    public boolean quiet() {
        return quiet;
    }

    public boolean json() {
        return json;
    }
}
