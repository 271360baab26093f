package dev.lowbit.jobs.commands;

import dev.lowbit.jobs.Console;
import dev.lowbit.jobs.ExitCodes;
import dev.lowbit.jobs.JsonOutput;
import dev.lowbit.jobs.Version;
import dev.lowbit.kernel.KernelLookup;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code lowbit doctor}: what Lowbit found on this machine and what it will use. */
@Command(name = "doctor", description = "Show JDK, SIMD width, kernels and processors.")
public final class DoctorCommand implements Callable<Integer> {
    private final Console console;

    @Option(names = "--json", description = "The result as one JSON document on stdout.")
    private boolean json;

    /** What the machine has. */
    record Findings(String lowbit, String jdk, String kernels, int processors) {}

    public DoctorCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() {
        Findings findings = new Findings(
                Version.lowbit(),
                Version.jdk(),
                KernelLookup.description(),
                Runtime.getRuntime().availableProcessors());
        if (json) {
            JsonOutput.write(console.out(), findings);
        } else {
            console.out().println("lowbit      " + findings.lowbit());
            console.out().println("JDK         " + findings.jdk());
            console.out().println("kernels     " + findings.kernels());
            console.out().println("processors  " + findings.processors());
        }
        return ExitCodes.OK;
    }
}
