package dev.lowbit.jobs.commands;

import dev.lowbit.jobs.AccuracyConverter;
import dev.lowbit.jobs.Console;
import dev.lowbit.jobs.ExitCodes;
import dev.lowbit.jobs.JsonOutput;
import dev.lowbit.jobs.OptionValues;
import dev.lowbit.jobs.ResourceOptions;
import dev.lowbit.jobs.TextTable;
import dev.lowbit.jobs.bench.BenchJob;
import dev.lowbit.jobs.bench.BenchResult;
import dev.lowbit.jobs.bench.DecodeJob;
import dev.lowbit.jobs.bench.DecodeResult;
import dev.lowbit.jobs.bench.DecodeSpeed;
import dev.lowbit.jobs.bench.ProductSpeed;
import dev.lowbit.matrix.Accuracy;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code lowbit bench}: kernels on this machine against its memory bandwidth. */
@Command(
        name = "bench",
        description = {
            "Measure y = W x with packed weights against this machine's memory bandwidth, or how fast a model writes.",
            "It runs with one thread and with all; every product is checked before it is measured. The regression suite of developers is jmh/run.sh."
        })
public final class BenchCommand implements Callable<Integer> {
    private final Console console;

    @Spec
    private CommandSpec command;

    @Option(
            names = "--formats",
            paramLabel = "ID",
            split = ",",
            defaultValue =
                    "f32,bf16,nf4-g64-s8x256-bf16,nf3-g64-s8x256-bf16,nf2-g64-s8x256-bf16,affine8-g128-f16,affine4-g128-f16,affine2-g32-f16,"
                            + "sketch4-r1-f16,sketch2-r1-f16,aq2x8-g8-row-bf16,aq1x8-g8-row-bf16",
            description = "Formats to measure (default: ${DEFAULT-VALUE}).")
    private List<String> formats;

    @Option(
            names = "--accuracy",
            paramLabel = "NAME",
            split = ",",
            defaultValue = "exact,fast",
            converter = AccuracyConverter.class,
            description = "exact, fast or both (default): float inputs, or the quickest within a stated error where "
                    + "there is such a product.")
    private List<Accuracy> accuracies;

    @Option(
            names = "--model",
            paramLabel = "MODEL",
            description =
                    "Instead: how fast this model writes, a complete folder or what compress wrote; it needs no tokenizer.")
    private Optional<Path> model;

    private int tokens = 48;
    private int size = 4096;
    private double seconds = 0.2;

    @Option(names = "--tokens", paramLabel = "N", description = "With --model: tokens that are measured (default: 48).")
    private void tokens(int value) {
        tokens = (int) OptionValues.atLeast(command, "--tokens", value, 1);
    }

    @Option(names = "--size", paramLabel = "N", description = "Rows and columns (default: 4096).")
    private void size(int value) {
        size = (int) OptionValues.atLeast(command, "--size", value, 1);
    }

    @Option(
            names = "--seconds",
            paramLabel = "S",
            description = "Length of the warm-up and of each of five rounds of every figure (default: 0.2).")
    private void seconds(double value) {
        if (!(value > 0 && value <= 60)) {
            throw new ParameterException(
                    command.commandLine(), "--seconds " + value + ": a time above 0, at most 60, is needed");
        }
        seconds = value;
    }

    @Mixin
    private ResourceOptions options;

    public BenchCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() {
        if (model.isPresent()) {
            decode(model.get());
            return ExitCodes.OK;
        }
        BenchResult result = BenchJob.run(
                formats,
                EnumSet.copyOf(accuracies),
                size,
                seconds,
                options.threads(),
                options.memoryBytes(),
                console.progress(options));
        if (options.json()) {
            JsonOutput.write(console.out(), result);
        } else {
            print(result);
        }
        return ExitCodes.OK;
    }

    private void decode(Path folder) {
        DecodeResult result = DecodeJob.run(
                folder,
                EnumSet.copyOf(accuracies),
                tokens,
                options.threads(),
                options.memoryBytes(),
                console.progress(options));
        if (options.json()) {
            JsonOutput.write(console.out(), result);
            return;
        }
        print(result.bandwidth());
        TextTable table = new TextTable("accuracy", ">threads", ">tokens/s", ">MB/token", ">GB/s", ">of bandwidth");
        for (DecodeSpeed speed : result.decoding()) {
            table.row(
                    speed.accuracy(),
                    Integer.toString(speed.threads()),
                    digits("%.1f", speed.tokensPerSecond()),
                    digits("%.1f", speed.bytesPerToken() / 1e6),
                    digits("%.1f", speed.bytesPerSecond() / 1e9),
                    digits("%.2f", speed.shareOfBandwidth()));
        }
        table.print(console.out());
    }

    private void print(List<BenchResult.Bandwidth> bandwidths) {
        for (BenchResult.Bandwidth bandwidth : bandwidths) {
            console.out()
                    .println(String.format(
                            Locale.ROOT,
                            "%d %s: %.1f GB/s read from memory",
                            bandwidth.threads(),
                            bandwidth.threads() == 1 ? "thread" : "threads",
                            bandwidth.readBytesPerSecond() / 1e9));
        }
    }

    private void print(BenchResult result) {
        print(result.bandwidth());
        TextTable table = new TextTable(
                "format", "accuracy", ">bits", ">threads", ">ms", ">weights/ns", ">GB/s", ">of bandwidth");
        for (ProductSpeed product : result.products()) {
            table.row(
                    product.format(),
                    product.accuracy(),
                    digits("%.3f", product.bitsPerWeight()),
                    Integer.toString(product.threads()),
                    digits("%.3f", 1e3 * product.secondsPerProduct()),
                    digits("%.1f", product.weightsPerSecond() / 1e9),
                    digits("%.1f", product.bytesPerSecond() / 1e9),
                    digits("%.2f", product.shareOfBandwidth()));
        }
        console.out().println("y = W x, " + result.size() + " x " + result.size() + ":");
        table.print(console.out());
    }

    private static String digits(String format, double value) {
        return String.format(Locale.ROOT, format, value);
    }
}
