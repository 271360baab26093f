package dev.lowbit.jobs.commands;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.Console;
import dev.lowbit.jobs.CpuOnlyOption;
import dev.lowbit.jobs.ExitCodes;
import dev.lowbit.jobs.JsonOutput;
import dev.lowbit.jobs.Methods;
import dev.lowbit.jobs.OptionValues;
import dev.lowbit.jobs.RunOptions;
import dev.lowbit.jobs.Version;
import dev.lowbit.jobs.WorkerPool;
import dev.lowbit.jobs.compare.CompareJob;
import dev.lowbit.jobs.compare.CompareRequest;
import dev.lowbit.jobs.compare.CompareResult;
import dev.lowbit.jobs.compare.CompareTables;
import dev.lowbit.method.Compressor;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code lowbit compare}: methods against one another, bits against perplexity. */
@Command(
        name = "compare",
        description = {
            "Compress models with several methods to several budgets, measure all, and draw perplexity over bits.",
            "Writes compare.md, compare.csv and an image for each model; what is done already is not done again."
        })
public final class CompareCommand implements Callable<Integer> {
    private final Console console;

    @Spec
    private CommandSpec command;

    @Parameters(paramLabel = "MODEL", arity = "1..*", description = "Complete model folders, in floats.")
    private List<Path> models;

    @Option(
            names = "--calibration",
            paramLabel = "FILE",
            required = true,
            description = "Text that methods are calibrated on, and tuned on: UTF-8 or JSON lines.")
    private Path calibration;

    @Option(
            names = "--text",
            paramLabel = "FILE",
            required = true,
            description = "Text to evaluate on: UTF-8 or JSON lines.")
    private Path text;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            required = true,
            description = "Directory to create, or to go on in after the same command was stopped.")
    private Path output;

    @Option(
            names = "--methods",
            paramLabel = "NAME",
            split = ",",
            defaultValue = "lq-lora,int2-lrec,pv-tuning",
            description = "Methods to compare (default: ${DEFAULT-VALUE}).")
    private List<String> methods;

    @Option(
            names = "--bits",
            paramLabel = "B",
            split = ",",
            defaultValue = "1,1.5,2,2.3,3,4",
            description = "Budgets in stored bits per weight, everything counted (default: ${DEFAULT-VALUE}).")
    private List<Double> bits;

    @Option(names = "--tune", description = "Also tune every result end to end, towards the model in floats.")
    private boolean tune;

    private int maxTokens = 32_768;
    private int rank = 64;

    @Option(
            names = "--max-tokens",
            paramLabel = "N",
            description = "Predict the first N tokens of the text only (default: 32768).")
    private void maxTokens(int value) {
        maxTokens = (int) OptionValues.atLeast(command, "--max-tokens", value, 1);
    }

    @Option(
            names = "--rank",
            paramLabel = "R",
            description = "Largest rank of a low-rank term (default: 64); the budget decides for each matrix.")
    private void rank(int value) {
        rank = (int) OptionValues.atLeast(command, "--rank", value, 0);
    }

    @Mixin
    private CpuOnlyOption device;

    @Mixin
    private RunOptions options;

    public CompareCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() {
        device.requireCpu();
        CompareRequest request = new CompareRequest(
                models,
                calibration,
                text,
                methods.stream().distinct().map(Methods::named).toList(),
                budgets(),
                tune,
                maxTokens,
                new Compressor.Limits(0, rank, 0, options.seed()),
                "lowbit " + Version.lowbit(),
                options.memoryBytes());
        console.interruptHint("run the same command again to continue");
        CompareResult result;
        try (WorkerPool pool = options.openWorkers()) {
            result = CompareJob.run(request, output, pool.workers(), console.progress(options));
        }
        if (options.json()) {
            JsonOutput.write(console.out(), result);
        } else {
            CompareTables.print(console.out(), result);
        }
        return ExitCodes.OK;
    }

    private List<Double> budgets() {
        for (double budget : bits) {
            if (!(budget > 0) || Double.isInfinite(budget)) {
                throw InvalidRequestException.usage(
                        "--bits " + budget + ": positive numbers such as 2,2.75 are needed");
            }
        }
        return bits.stream().distinct().toList();
    }
}
