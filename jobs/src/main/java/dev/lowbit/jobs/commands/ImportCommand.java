package dev.lowbit.jobs.commands;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.Console;
import dev.lowbit.jobs.ExitCodes;
import dev.lowbit.jobs.JsonOutput;
import dev.lowbit.jobs.Quantity;
import dev.lowbit.jobs.ResourceOptions;
import dev.lowbit.jobs.WorkerPool;
import dev.lowbit.jobs.importing.ImportJob;
import dev.lowbit.jobs.importing.ImportResult;
import dev.lowbit.jobs.update.MergeRule;
import dev.lowbit.jobs.update.UpdateFolder;
import dev.lowbit.jobs.update.UpdateImport;
import dev.lowbit.jobs.update.UpdateImportResult;
import dev.lowbit.store.Manifest;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code lowbit import}: the inverse of {@code export --to gptq}, {@code --to aqlm} and {@code --to compeft}. */
@Command(
        name = "import",
        description = {
            "Make a compressed model of one that was quantized with GPTQ, AQLM or PV-Tuning, with exactly its numbers.",
            "For verify, inspect, evaluate, generate, tune and export.",
            "Or decode updates of fine-tuning: to an adapter, or merged into the model that they were made for."
        })
public final class ImportCommand implements Callable<Integer> {
    /** Values of {@code --merge}. */
    enum Merge {
        sum(MergeRule.SUM),
        mean(MergeRule.MEAN),
        ties(MergeRule.TIES);

        private final MergeRule rule;

        Merge(MergeRule rule) {
            this.rule = rule;
        }
    }

    private final Console console;

    @Parameters(
            paramLabel = "MODEL",
            arity = "1..*",
            description =
                    "Hugging Face folder as AutoGPTQ, GPTQModel and AQLM write it; or updates as export --to compeft"
                            + " writes them; or a LoRA adapter as PEFT writes it.")
    private List<Path> inputs;

    @Option(names = "--out", paramLabel = "DIR", required = true, description = "Directory to create.")
    private Path out;

    @Option(
            names = "--base",
            paramLabel = "MODEL",
            description = "Of updates: the checkpoint or compressed model to add them to.")
    private Optional<Path> base;

    @Option(
            names = "--merge",
            paramLabel = "RULE",
            description = "Of several updates: ${COMPLETION-CANDIDATES} (default: sum).")
    private Optional<Merge> merge;

    @Mixin
    private ResourceOptions options;

    public ImportCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() {
        long updates = inputs.stream().filter(UpdateFolder::isIn).count();
        if (updates == inputs.size()) {
            importUpdates();
        } else if (updates > 0 || inputs.size() > 1) {
            throw InvalidRequestException.usage(inputs.size() - updates + " of the " + inputs.size()
                    + " folders hold no update; several can be imported when all are updates, a model alone");
        } else {
            importModel();
        }
        return ExitCodes.OK;
    }

    private void hintAtResuming() {
        console.interruptHint("run the same command to continue");
    }

    private void importUpdates() {
        // adapters and checkpoints are written anew; only a compressed model has a work directory
        if (base.filter(Manifest::isIn).isPresent()) {
            hintAtResuming();
        }
        UpdateImportResult result;
        try (WorkerPool pool = options.openWorkers()) {
            result = UpdateImport.run(
                    inputs, base, merge.orElse(Merge.sum).rule, out, pool.workers(), console.progress(options));
        }
        if (options.json()) {
            JsonOutput.write(console.out(), result);
        } else {
            console.out()
                    .println(String.format(
                            Locale.ROOT,
                            "wrote %s: %d tensors %s %s%s, %s in %s",
                            out,
                            result.tensors(),
                            base.isPresent() ? "changed in a" : "decoded to an",
                            result.kind() + (result.kind().equals("compressed") ? " model" : ""),
                            result.merge()
                                    .map(rule -> " by the " + rule + " of " + result.updates() + " updates")
                                    .orElse(""),
                            Quantity.bytes(result.outputBytes()),
                            Quantity.duration(result.seconds())));
        }
    }

    private void importModel() {
        if (base.isPresent() || merge.isPresent()) {
            throw InvalidRequestException.usage("--base and --merge belong to updates and " + inputs.getFirst()
                    + " holds none; leave them out, or give what export --to compeft wrote");
        }
        hintAtResuming();
        ImportResult result;
        try (WorkerPool pool = options.openWorkers()) {
            result = ImportJob.run(inputs.getFirst(), out, pool.workers(), console.progress(options));
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
    }
}
