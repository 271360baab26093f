package dev.lowbit.jobs.commands;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.jobs.Console;
import dev.lowbit.jobs.CpuOnlyOption;
import dev.lowbit.jobs.ExitCodes;
import dev.lowbit.jobs.JsonOutput;
import dev.lowbit.jobs.MemoryCap;
import dev.lowbit.jobs.OptionValues;
import dev.lowbit.jobs.OutputDirectory;
import dev.lowbit.jobs.OutputFile;
import dev.lowbit.jobs.ResourceOptions;
import dev.lowbit.jobs.Version;
import dev.lowbit.jobs.WorkerPool;
import dev.lowbit.jobs.calibrate.CalibrationJob;
import dev.lowbit.jobs.calibrate.CalibrationText;
import dev.lowbit.jobs.compress.TargetSelection;
import java.nio.file.Path;
import java.util.Locale;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code lowbit calibrate}: what a text says about a model's layers, once for many compressions. */
@Command(
        name = "calibrate",
        description = "Gather what a text says about a model's linear layers, for compress --calibration.")
public final class CalibrateCommand implements Callable<Integer> {
    private final Console console;

    @Spec
    private CommandSpec command;

    @Parameters(paramLabel = "MODEL", description = "Folder with config.json, weights and tokenizer.")
    private Path model;

    @Option(
            names = "--text",
            paramLabel = "FILE",
            required = true,
            description = "Text in UTF-8, or JSON lines (.jsonl) with \"text\" or \"input_ids\".")
    private Path text;

    @Option(names = "--out", paramLabel = "FILE", required = true, description = "The .safetensors file to write.")
    private Path output;

    private int maxTokens = CalibrationText.DEFAULT_TOKENS;
    private OptionalInt context = OptionalInt.empty();

    @Mixin
    private CpuOnlyOption device;

    @Mixin
    private ResourceOptions resources;

    @Option(names = "--max-tokens", paramLabel = "N", description = "Tokens of the text to read (default: 32768).")
    private void maxTokens(int value) {
        maxTokens = (int) OptionValues.atLeast(command, "--max-tokens", value, 1);
    }

    @Option(
            names = "--context",
            paramLabel = "N",
            description = "Tokens of a window (default: the model's context, but at most 2048).")
    private void context(int value) {
        context = OptionalInt.of((int) OptionValues.atLeast(command, "--context", value, 2));
    }

    public CalibrateCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() {
        device.requireCpu();
        OutputFile.requireNew(output, "a calibration");
        OutputDirectory.requireOutside(model, output);
        CalibrationJob.Result result;
        try (WorkerPool pool = resources.openWorkers();
                Checkpoint checkpoint = Checkpoint.open(model)) {
            result = CalibrationJob.run(
                    checkpoint,
                    CalibrationText.read(text, checkpoint, maxTokens, context, new MemoryCap(resources.memoryBytes())),
                    "lowbit " + Version.lowbit(),
                    weight -> TargetSelection.isInputMajor(checkpoint, weight),
                    resources.memoryBytes(),
                    output,
                    pool.workers(),
                    console.progress(resources));
        }
        if (resources.json()) {
            JsonOutput.write(console.out(), result);
        } else {
            line("tokens", result.tokens() + " in " + result.windows() + " windows of " + result.context());
            line("coverage", result.distinctTokens() + " of " + result.vocabulary() + " token ids seen");
            line("inputs", result.deadInputs() + " of " + result.inputs() + " are zero for every token");
            line("layers", result.layers() + ", the text was read " + result.passes() + " times");
        }
        return ExitCodes.OK;
    }

    private void line(String name, String value) {
        console.out().println(String.format(Locale.ROOT, "%-10s%s", name, value));
    }
}
