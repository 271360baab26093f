package dev.lowbit.jobs.commands;

import dev.lowbit.jobs.AccuracyOption;
import dev.lowbit.jobs.Console;
import dev.lowbit.jobs.DeviceOptions;
import dev.lowbit.jobs.ExitCodes;
import dev.lowbit.jobs.JsonOutput;
import dev.lowbit.jobs.OptionValues;
import dev.lowbit.jobs.Quantity;
import dev.lowbit.jobs.ResourceOptions;
import dev.lowbit.jobs.WorkerPool;
import dev.lowbit.jobs.evaluate.EvaluationJob;
import dev.lowbit.jobs.evaluate.EvaluationResult;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code lowbit evaluate}: perplexity, and the distance from a reference model. */
@Command(
        name = "evaluate",
        description = {
            "Measure how well a model predicts a text: perplexity, and with --reference how far it is from that model.",
            "Every window of the text is read on its own, behind the beginning-of-sequence token."
        })
public final class EvaluateCommand implements Callable<Integer> {
    private final Console console;

    @Spec
    private CommandSpec command;

    @Parameters(paramLabel = "MODEL", description = "Complete model folder, or what compress wrote.")
    private Path model;

    @Option(
            names = "--text",
            paramLabel = "FILE",
            description = "Text in UTF-8, or JSON lines (.jsonl) with \"text\" or \"input_ids\".")
    private Optional<Path> text;

    @Option(
            names = "--ids",
            paramLabel = "FILE",
            description = "Instead of a text: a .safetensors file with one I32 tensor, windows x length; each row's "
                    + "first id is its beginning.")
    private Optional<Path> ids;

    @Option(
            names = "--task",
            paramLabel = "FILE",
            description = "A task of the compressed model, from export --to task: run the model as tuned for it.")
    private Optional<Path> task;

    @Option(
            names = "--reference",
            paramLabel = "MODEL",
            description = "Model of the same vocabulary to compare with, usually the one that was compressed.")
    private Optional<Path> reference;

    private OptionalInt context = OptionalInt.empty();
    private int maxTokens = Integer.MAX_VALUE;

    @Mixin
    private AccuracyOption accuracy;

    @Mixin
    private DeviceOptions device;

    @Mixin
    private ResourceOptions resources;

    @Option(
            names = "--context",
            paramLabel = "N",
            description =
                    "Tokens of a window, the beginning included (default: the model's context, but at most 2048).")
    private void context(int value) {
        context = OptionalInt.of((int) OptionValues.atLeast(command, "--context", value, 2));
    }

    @Option(names = "--max-tokens", paramLabel = "N", description = "Predict the first N tokens only (default: all).")
    private void maxTokens(int value) {
        maxTokens = (int) OptionValues.atLeast(command, "--max-tokens", value, 1);
    }

    public EvaluateCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() {
        EvaluationJob job = new EvaluationJob(
                model,
                task,
                reference,
                text,
                ids,
                context,
                maxTokens,
                accuracy.accuracy(),
                device.provider(),
                resources.memoryBytes());
        EvaluationResult result;
        try (WorkerPool pool = resources.openWorkers()) {
            result = job.run(pool.workers(), console.progress(resources));
        }
        if (resources.json()) {
            JsonOutput.write(console.out(), result);
        } else {
            print(result);
        }
        return ExitCodes.OK;
    }

    private void print(EvaluationResult result) {
        result.bitsPerWeight()
                .ifPresent(bits -> line(
                        "model",
                        "%.4f bits per compressed weight (%d weights in %d bytes)",
                        bits,
                        result.weights().orElseThrow(),
                        result.bytes().orElseThrow()));
        result.taskBytes().ifPresent(bytes -> line("task", "%s", Quantity.bytes(bytes)));
        line("tokens", "%d in windows of %d", result.tokens(), result.context());
        line("nll", "%.6f nats per token", result.nll());
        line("perplexity", "%s%s", digits(result.perplexity()), plusMinus(result.perplexityStdErr()));
        result.klDivergence()
                .ifPresent(divergence -> line(
                        "divergence",
                        "%.6f%s nats per token, KL(reference || model); 99 %% of tokens below %.4g",
                        divergence,
                        plusMinus(result.klDivergenceStdErr()),
                        result.klDivergenceP99().orElseThrow()));
        result.top1Agreement().ifPresent(share -> line("agreement", "%.3f %% same first choice", 100 * share));
        line("time", "%s, %.0f tokens/s", Quantity.duration(result.seconds()), result.tokens() / result.seconds());
        result.peakMemoryBytes().ifPresent(peak -> line("peak memory", "%s", Quantity.bytes(peak)));
    }

    private static String plusMinus(OptionalDouble error) {
        return error.isEmpty() ? "" : String.format(Locale.ROOT, " ± %.2g", error.getAsDouble());
    }

    /** Six significant digits, never in scientific notation below a million. */
    private static String digits(double value) {
        int before = value < 1 ? 1 : (int) StrictMath.floor(StrictMath.log10(value)) + 1;
        return String.format(Locale.ROOT, "%." + Math.max(0, 6 - before) + "f", value);
    }

    private void line(String name, String format, Object... values) {
        console.out().println(String.format(Locale.ROOT, "%-12s", name) + String.format(Locale.ROOT, format, values));
    }
}
