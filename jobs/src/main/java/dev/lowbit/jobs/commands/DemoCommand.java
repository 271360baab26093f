package dev.lowbit.jobs.commands;

import dev.lowbit.jobs.Console;
import dev.lowbit.jobs.ExitCodes;
import dev.lowbit.jobs.JsonOutput;
import dev.lowbit.jobs.OutputDirectory;
import dev.lowbit.jobs.RunOptions;
import dev.lowbit.jobs.TextTable;
import dev.lowbit.jobs.WorkerPool;
import dev.lowbit.jobs.demo.DemoJob;
import dev.lowbit.jobs.demo.DemoResult;
import java.nio.file.Path;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.UUID;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code lowbit demo}: the whole tour without a download. */
@Command(
        name = "demo",
        description = {
            "The whole tour without a download: compress the embedded model to 4, 3 and 2.5 bits, verify and evaluate each.",
            "The model is a Llama of 0.8 million weights that Lowbit trained itself, on stories that it writes itself."
        })
public final class DemoCommand implements Callable<Integer> {
    private final Console console;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            description = "Keep the models and the texts here (default: keep nothing).")
    private Path out;

    @Mixin
    private RunOptions options;

    public DemoCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() {
        Path target =
                out != null ? out : Path.of(System.getProperty("java.io.tmpdir"), "lowbit-demo-" + UUID.randomUUID());
        DemoJob.Outcome outcome;
        try (OutputDirectory directory = OutputDirectory.create(target);
                WorkerPool pool = options.openWorkers()) {
            outcome = DemoJob.run(
                    directory.path(), options.seed(), options.memoryBytes(), pool.workers(), console.progress(options));
            if (out != null) {
                directory.publish();
            }
        }
        boolean good = outcome.findings().isEmpty();
        if (options.json()) {
            JsonOutput.write(console.out(), outcome.result());
        } else {
            print(outcome.result(), good);
        }
        outcome.findings().forEach(finding -> console.err().println(finding));
        return good ? ExitCodes.OK : ExitCodes.DAMAGED;
    }

    private void print(DemoResult result, boolean good) {
        console.out().println("What each model finds most probable behind \"" + result.prompt() + "\":");
        for (DemoResult.Model model : result.models()) {
            console.out().printf("  %-8s  ...%s%n", model.name(), model.continuation());
        }
        console.out().println();
        TextTable table =
                new TextTable("model", ">bits", ">bytes", ">weight error", ">perplexity", ">KL to float", ">top-1");
        for (DemoResult.Model model : result.models()) {
            table.row(
                    model.name(),
                    fixed(model.bitsPerWeight(), 4),
                    Long.toString(model.bytes()),
                    fixed(model.relativeError(), 4),
                    fixed(model.perplexity(), 4),
                    fixed(model.klDivergence(), 5),
                    fixed(model.top1Agreement(), 4));
        }
        table.print(console.out());
        console.out().println();
        console.out()
                .printf(
                        Locale.ROOT,
                        "%d tokens of unseen stories; %s; %.1f s%n",
                        result.evaluatedTokens(),
                        good ? "every checksum and invariant holds" : "DAMAGED",
                        result.seconds());
        if (out != null) {
            console.out().println("kept in " + out);
        }
    }

    private static String fixed(OptionalDouble value, int digits) {
        return value.isPresent() ? fixed(value.getAsDouble(), digits) : "";
    }

    private static String fixed(double value, int digits) {
        return String.format(Locale.ROOT, "%." + digits + "f", value);
    }
}
