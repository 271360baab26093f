package dev.lowbit.jobs.commands;

import dev.lowbit.device.DeviceProvider;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.Console;
import dev.lowbit.jobs.DeviceOptions;
import dev.lowbit.jobs.ExitCodes;
import dev.lowbit.jobs.JsonOutput;
import dev.lowbit.jobs.OptionValues;
import dev.lowbit.jobs.RunOptions;
import dev.lowbit.jobs.Version;
import dev.lowbit.jobs.WorkerPool;
import dev.lowbit.jobs.tune.TuneJob;
import dev.lowbit.jobs.tune.TuneRequest;
import dev.lowbit.jobs.tune.TuneResult;
import dev.lowbit.method.Tunable;
import dev.lowbit.transformer.tuning.TuningSettings.TargetSteps;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code lowbit tune}: end-to-end tuning of what the method left trainable. */
@Command(
        name = "tune",
        description = {
            "Train what the method left trainable in a compressed model, end to end.",
            "The last tenth of the text is held out; the result is never worse on it than the model was before."
        })
public final class TuneCommand implements Callable<Integer> {
    private final Console console;

    @Spec
    private CommandSpec command;

    @Parameters(paramLabel = "MODEL", description = "Directory of a compressed model.")
    private Path model;

    @Option(
            names = "--text",
            paramLabel = "FILE",
            required = true,
            description = "UTF-8 text or JSON lines to train on.")
    private Path text;

    @Option(names = "--out", paramLabel = "DIR", required = true, description = "Directory to create.")
    private Path output;

    @Option(
            names = "--reference",
            paramLabel = "MODEL",
            description = "The float model: its predictions become the aim (default: the text alone).")
    private Path reference;

    private Tunable.Extent extent = Tunable.Extent.LOW_RANK;
    private Integer maxTokens;
    private OptionalInt context = OptionalInt.empty();
    private Integer epochs;
    private OptionalInt batch = OptionalInt.empty();

    @Option(
            names = "--parts",
            paramLabel = "NAME",
            description =
                    "What is trained: low-rank, the factors; all, codebooks, scales and weights in floats too; or codes, these too, which"
                            + " is PV-Tuning (default: low-rank).")
    private void extent(String name) {
        extent = Arrays.stream(Tunable.Extent.values())
                .filter(one -> one.id().equals(name))
                .findFirst()
                .orElseThrow(() -> new ParameterException(
                        command.commandLine(), "--parts " + name + ": choose low-rank, all or codes"));
    }

    private int rank;

    @Option(
            names = "--rank",
            paramLabel = "R",
            description = "Give matrices without a low-rank term one of rank R first, in 16 bits (default: 0, none).")
    private void rank(int value) {
        rank = (int) OptionValues.atLeast(command, "--rank", value, 0);
    }

    @Option(
            names = "--max-tokens",
            paramLabel = "N",
            description = "Use the first N tokens of the text (default: 65536; with --parts codes 196608).")
    private void maxTokens(int value) {
        maxTokens = (int) OptionValues.atLeast(command, "--max-tokens", value, 1);
    }

    @Option(
            names = "--context",
            paramLabel = "N",
            description = "Tokens of a window (default: the model's context, at most 512).")
    private void context(int value) {
        context = OptionalInt.of((int) OptionValues.atLeast(command, "--context", value, 2));
    }

    @Option(
            names = "--epochs",
            paramLabel = "N",
            description = "Times that the text is read (default: 3; with --parts codes 1).")
    private void epochs(int value) {
        epochs = (int) OptionValues.atLeast(command, "--epochs", value, 1);
    }

    @Option(
            names = "--batch",
            paramLabel = "N",
            description = "Windows in a step (default: 4; with --parts codes as many as 512 tokens hold).")
    private void batch(int value) {
        batch = OptionalInt.of((int) OptionValues.atLeast(command, "--batch", value, 1));
    }

    private double crossEntropy;

    @Option(
            names = "--cross-entropy",
            paramLabel = "W",
            description = "With --reference: add W times the cross entropy of the text to the divergence (default: 0).")
    private void crossEntropy(double value) {
        if (!(value >= 0 && value <= Float.MAX_VALUE)) {
            throw new ParameterException(
                    command.commandLine(), "--cross-entropy " + value + ": 0 or a positive number is needed");
        }
        crossEntropy = value;
    }

    @Option(
            names = "--learning-rate",
            paramLabel = "R",
            description =
                    "Highest learning rate of Adam, as a share of the size of what is trained (default: 0.03; 0.003"
                            + " with --parts codes).")
    private Double learningRate;

    private TargetSteps codeSteps;

    @Option(
            names = "--code-steps",
            paramLabel = "NAME",
            description =
                    "With --parts codes: how the weights that codes follow are stepped: natural, along the natural gradient, or"
                            + " adam, straight-through estimation (default: natural).")
    private void codeSteps(String name) {
        codeSteps = Arrays.stream(TargetSteps.values())
                .filter(one -> one.name().toLowerCase(Locale.ROOT).equals(name))
                .findFirst()
                .orElseThrow(() -> new ParameterException(
                        command.commandLine(), "--code-steps " + name + ": choose natural or adam"));
    }

    @Option(
            names = "--code-fraction",
            paramLabel = "F",
            description = "With --parts codes: part of the codes that may change in a step (default: 1).")
    private Double codeFraction;

    @Option(
            names = "--code-trust",
            paramLabel = "T",
            description =
                    "With --parts codes: how far a matrix may move in a step, as a share of its norm; the codes farthest from"
                            + " their targets move first (default: as far as they go).")
    private Double codeTrust;

    @Option(
            names = "--code-rate",
            paramLabel = "R",
            description =
                    "With --parts codes: highest learning rate of the weights that codes follow, as a share of the error that"
                            + " their bits leave, size x 2^-bits (default: 0.05).")
    private Double codeRate;

    @Option(
            names = "--code-decay",
            paramLabel = "D",
            description =
                    "With --parts codes: how much of what codes have not followed is forgotten after a step, 0 to 1"
                            + " (default: 0).")
    private Double codeDecay;

    @Option(
            names = "--code-temperature",
            paramLabel = "T",
            description =
                    "With --parts codes: stochastic rounding: a code is the second nearest to its target with odds (d1 / d2)^(1/T),"
                            + " d being the distances (default: 0, always the nearest).")
    private Double codeTemperature;

    @Option(names = "--resume", description = "Go on with this job where it was stopped.")
    private boolean resume;

    private Optional<DeviceProvider> device = Optional.empty();

    @Option(
            names = "--device",
            paramLabel = "NAME",
            description =
                    "Only with --reference: where that model computes, cpu or cuda; what is trained stays on the CPU (default: cpu).")
    private void device(String name) {
        device = DeviceOptions.named(name);
    }

    @Mixin
    private RunOptions options;

    public TuneCommand(Console console) {
        this.console = console;
    }

    private double crossEntropy() {
        if (crossEntropy > 0 && reference == null) {
            throw InvalidRequestException.usage(
                    "--cross-entropy weighs the text beside a reference model; give --reference too, or leave it out");
        }
        return crossEntropy;
    }

    private Optional<TuneRequest.Codes> codes() {
        if (extent != Tunable.Extent.CODES) {
            if (codeSteps != null
                    || codeFraction != null
                    || codeTrust != null
                    || codeRate != null
                    || codeDecay != null
                    || codeTemperature != null) {
                throw InvalidRequestException.usage(
                        "--code-steps, --code-fraction, --code-trust, --code-rate, --code-decay"
                                + " and --code-temperature are about codes; give --parts codes too");
            }
            return Optional.empty();
        }
        TuneRequest.Codes usual = TuneRequest.Codes.USUAL;
        return Optional.of(new TuneRequest.Codes(
                codeSteps == null ? usual.targets() : codeSteps,
                codeFraction == null ? usual.fraction() : codeFraction,
                codeTrust == null ? usual.trust() : codeTrust,
                codeDecay == null ? usual.decay() : codeDecay,
                codeTemperature == null ? usual.temperature() : codeTemperature,
                codeRate == null ? usual.rate() : codeRate));
    }

    @Override
    public Integer call() {
        TuneRequest.Usual usual = TuneRequest.Usual.of(extent);
        TuneRequest request = new TuneRequest(
                model,
                text,
                Optional.ofNullable(reference),
                "lowbit " + Version.lowbit(),
                extent,
                rank,
                maxTokens == null ? usual.tokens() : maxTokens,
                context,
                epochs == null ? usual.epochs() : epochs,
                batch,
                crossEntropy(),
                learningRate == null ? usual.learningRate() : learningRate,
                codes(),
                device,
                options.seed(),
                options.memoryBytes());
        console.interruptHint("run the same command with --resume to continue");
        TuneResult result;
        try (WorkerPool pool = options.openWorkers()) {
            result = TuneJob.run(request, output, resume, pool.workers(), console.progress(options));
        }
        if (options.json()) {
            JsonOutput.write(console.out(), result);
        } else {
            print(result);
        }
        return ExitCodes.OK;
    }

    private void print(TuneResult result) {
        String loss = result.loss().equals("klDivergence") ? "KL to the reference" : "cross entropy";
        line(
                "held out",
                loss + " " + fixed(result.lossBefore()) + " before, " + fixed(result.lossAfter())
                        + " after, nats per token over " + result.heldOutTokens() + " tokens");
        line(
                "trained",
                result.trainedParameters() + " parameters in " + result.steps() + " steps, " + result.tokens()
                        + " tokens");
        line(
                "kept",
                result.improved()
                        ? result.tunedMatrices() + " tuned matrices of step " + result.step()
                        : "the parts as they were: nothing was better on the held-out part");
        result.relativeError().ifPresent(error -> line("error", fixed(error) + " relative"));
    }

    private void line(String name, String value) {
        console.out().printf(Locale.ROOT, "%-10s  %s%n", name, value);
    }

    private static String fixed(double value) {
        return String.format(Locale.ROOT, "%.6f", value);
    }
}
