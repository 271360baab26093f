package dev.lowbit.jobs.commands;

import dev.lowbit.jobs.Console;
import dev.lowbit.jobs.ExitCodes;
import dev.lowbit.jobs.JsonOutput;
import dev.lowbit.jobs.Quantity;
import dev.lowbit.jobs.ResourceOptions;
import dev.lowbit.jobs.WorkerPool;
import dev.lowbit.jobs.importing.ImportJob;
import dev.lowbit.jobs.importing.ImportResult;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code lowbit import}: the inverse of {@code export --to gptq} and {@code --to aqlm}. */
@Command(
        name = "import",
        description = {
            "Make a compressed model of one that was quantized with GPTQ, AQLM or PV-Tuning, with exactly its numbers.",
            "For verify, inspect, evaluate, generate, tune and export."
        })
public final class ImportCommand implements Callable<Integer> {
    private final Console console;

    @Parameters(paramLabel = "MODEL", description = "Hugging Face folder as AutoGPTQ, GPTQModel and AQLM write it.")
    private Path model;

    @Option(names = "--out", paramLabel = "DIR", required = true, description = "Directory to create.")
    private Path out;

    @Mixin
    private ResourceOptions options;

    public ImportCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() {
        console.interruptHint("run the same command to continue");
        ImportResult result;
        try (WorkerPool pool = options.openWorkers()) {
            result = ImportJob.run(model, out, pool.workers(), console.progress(options));
        }
        if (options.json()) {
            JsonOutput.write(console.out(), result);
        } else {
            console.out()
                    .println(String.format(
                            Locale.ROOT,
                            "wrote %s: %d matrices as %s, %.4f bits per weight, %s in %s",
                            out,
                            result.matrices(),
                            String.join(", ", result.formats()),
                            result.bitsPerWeight(),
                            Quantity.bytes(result.outputBytes()),
                            Quantity.duration(result.seconds())));
        }
        return ExitCodes.OK;
    }
}
