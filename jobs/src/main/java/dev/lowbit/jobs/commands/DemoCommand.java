package dev.lowbit.jobs.commands;

import dev.lowbit.jobs.Console;
import dev.lowbit.jobs.ExitCodes;
import dev.lowbit.jobs.JsonOutput;
import dev.lowbit.jobs.MethodOptions;
import dev.lowbit.jobs.Methods;
import dev.lowbit.jobs.OutputDirectory;
import dev.lowbit.jobs.Quantity;
import dev.lowbit.jobs.RunOptions;
import dev.lowbit.jobs.Version;
import dev.lowbit.jobs.WorkerPool;
import dev.lowbit.jobs.compress.CompressJob;
import dev.lowbit.jobs.compress.JobRequest;
import dev.lowbit.jobs.compress.JobResult;
import dev.lowbit.jobs.compress.ResultTable;
import dev.lowbit.jobs.compress.TargetSelection;
import dev.lowbit.jobs.demo.SyntheticCheckpoint;
import dev.lowbit.jobs.demo.SyntheticModel;
import dev.lowbit.method.Compressor;
import dev.lowbit.store.Finding;
import dev.lowbit.store.Verifier;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code lowbit demo}: the whole tour without a download. */
@Command(
        name = "demo",
        description = {
            "The whole tour without a download: make a synthetic model, compress it to 2.75 bits, verify it, show the result.",
            "The model has the names and shapes of Llama and made-up weights; nobody trained it."
        })
public final class DemoCommand implements Callable<Integer> {
    private static final double BITS = 2.75;
    private static final int MAX_RANK = 8;

    private final Console console;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            description = "Keep model/ and compressed/ here (default: keep nothing).")
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
        JobResult result;
        List<Finding> findings;
        try (OutputDirectory directory = OutputDirectory.create(target);
                WorkerPool pool = options.openWorkers()) {
            Path model = directory.path().resolve("model");
            Path compressed = directory.path().resolve("compressed");
            long weights = SyntheticCheckpoint.write(model, SyntheticModel.small(), options.seed(), pool.workers());
            say("A synthetic Llama checkpoint of " + Quantity.count(weights)
                    + " weights: made up for this demo, trained by nobody.");
            result = CompressJob.run(request(model), compressed, false, pool.workers(), console.progress(options));
            findings = Verifier.verify(compressed);
            if (out != null) {
                directory.publish();
            }
        }
        if (options.json()) {
            JsonOutput.write(console.out(), result);
        } else {
            ResultTable.print(console.out(), result, "measured on the bytes written");
        }
        findings.forEach(finding -> console.err().println(finding));
        say("verify      " + (findings.isEmpty() ? "good: every checksum and invariant holds" : "DAMAGED"));
        if (out != null) {
            say("kept        " + out.resolve("model") + " and " + out.resolve("compressed"));
        }
        return findings.isEmpty() ? ExitCodes.OK : ExitCodes.DAMAGED;
    }

    private JobRequest request(Path model) {
        return new JobRequest(
                model,
                "lowbit " + Version.lowbit(),
                Methods.named(Methods.DEFAULT),
                new MethodOptions.Budget.BitsPerWeight(BITS),
                new Compressor.Limits(0, MAX_RANK, 0, options.seed()),
                TargetSelection.standard(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                options.memoryBytes());
    }

    private void say(String line) {
        if (!options.json()) {
            console.out().println(line);
        }
    }
}
