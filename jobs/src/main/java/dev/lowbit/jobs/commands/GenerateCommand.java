package dev.lowbit.jobs.commands;

import dev.lowbit.device.Device;
import dev.lowbit.device.DeviceProvider;
import dev.lowbit.device.Devices;
import dev.lowbit.jobs.AccuracyConverter;
import dev.lowbit.jobs.AccuracyOption;
import dev.lowbit.jobs.Console;
import dev.lowbit.jobs.DeviceOptions;
import dev.lowbit.jobs.ExitCodes;
import dev.lowbit.jobs.JsonOutput;
import dev.lowbit.jobs.MemoryCap;
import dev.lowbit.jobs.ModelInput;
import dev.lowbit.jobs.OptionValues;
import dev.lowbit.jobs.PeakMemory;
import dev.lowbit.jobs.ProgressListener;
import dev.lowbit.jobs.RunOptions;
import dev.lowbit.jobs.WorkerPool;
import dev.lowbit.store.FloatModel;
import dev.lowbit.transformer.text.Generation;
import dev.lowbit.transformer.text.TextStream;
import dev.lowbit.transformer.text.TokenChoice;
import dev.lowbit.transformer.text.Tokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicLong;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code lowbit generate}: text, as the model writes it. */
@Command(name = "generate", description = "Let a model write on where a prompt ends.")
public final class GenerateCommand implements Callable<Integer> {
    /**
     * The document of {@code --json}.
     *
     * @param prompt as given
     * @param text behind it
     * @param promptTokens read, the beginning-of-sequence token included
     * @param tokens written
     * @param stopped {@code end}, {@code max-tokens} or {@code context}
     * @param accuracy {@code exact} or {@code fast}, as asked for
     * @param device that multiplied: {@code cpu} or {@code cuda}
     * @param seconds reading the prompt and writing took, loading not included
     * @param tokensPerSecond of those written but the first, which the prompt gives; absent when there is but one
     * @param peakMemoryBytes the process's peak resident memory, where the system tells
     */
    record Result(
            String prompt,
            String text,
            int promptTokens,
            int tokens,
            String stopped,
            String accuracy,
            String device,
            double seconds,
            OptionalDouble tokensPerSecond,
            OptionalLong peakMemoryBytes) {}

    private final Console console;

    @Spec
    private CommandSpec command;

    @Parameters(paramLabel = "MODEL", description = "Complete model folder, or what compress wrote.")
    private Path model;

    @Option(
            names = "--prompt",
            paramLabel = "TEXT",
            required = true,
            description = "Where to begin; names of special tokens stand for them. Empty for a text from nothing.")
    private String prompt;

    @Option(
            names = "--task",
            paramLabel = "FILE",
            description = "A task of the compressed model, from export --to task: run the model as tuned for it.")
    private Optional<Path> task;

    @Option(
            names = "--temperature",
            paramLabel = "T",
            defaultValue = "0",
            description = "0 takes the most probable token each time (default); above, tokens are drawn from "
                    + "softmax(logits / T).")
    private double temperature;

    private int maxTokens = 256;

    @Mixin
    private DeviceOptions device;

    @Mixin
    private AccuracyOption accuracy;

    @Mixin
    private RunOptions runOptions;

    @Option(names = "--max-tokens", paramLabel = "N", description = "Most tokens to write (default: 256).")
    private void maxTokens(int value) {
        maxTokens = (int) OptionValues.atLeast(command, "--max-tokens", value, 1);
    }

    public GenerateCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() {
        List<Path> models = new ArrayList<>(List.of(model));
        task.ifPresent(models::add);
        if (runOptions.memoryBytes().isPresent()) {
            requireMemory(models);
        }
        TokenChoice choice = TokenChoice.sampled(temperature, runOptions.seed());
        try (WorkerPool pool = runOptions.openWorkers();
                Device used = DeviceOptions.open(device.provider(), accuracy.accuracy());
                ModelInput input = ModelInput.open(model, task);
                Tokenizer tokenizer = Tokenizer.open(input.folder())) {
            if (used == null) {
                input.transformer().prepare(accuracy.accuracy(), pool.workers());
            } else {
                input.transformer().place(used);
            }
            write(input, tokenizer, choice, pool);
        }
        return ExitCodes.OK;
    }

    /** The prompt is read at once, and keys and values of all tokens are kept. */
    private void requireMemory(List<Path> models) {
        FloatModel.requireModel(model);
        ModelInput.shape(model);
        // of a shard index the folder
        Path folder = Files.isDirectory(model) ? model : model.toAbsolutePath().getParent();
        int read;
        try (Tokenizer tokenizer = Tokenizer.open(folder)) {
            read = tokenizer.encodePrompt(prompt).length + 1;
        }
        ModelInput.require(
                runOptions.memoryBytes(),
                shape -> shape.forwardBytes(Math.min(shape.context(), read))
                        + shape.cacheBytes(Math.min(shape.context(), (long) read + maxTokens)),
                models,
                ModelInput.copies(accuracy.accuracy()));
    }

    private void write(ModelInput input, Tokenizer tokenizer, TokenChoice choice, WorkerPool pool) {
        int[] ids = input.prompt(tokenizer, prompt);
        TextStream stream = new TextStream(tokenizer, ids);
        StringBuilder text = new StringBuilder();
        AtomicLong first = new AtomicLong();
        long start = System.nanoTime();
        Generation.Result result = Generation.run(
                input.transformer(),
                ids,
                maxTokens,
                tokenizer.ends(),
                choice,
                token -> {
                    first.compareAndSet(0, System.nanoTime());
                    say(stream.next(token), text);
                },
                pool.workers());
        say(stream.end(), text);
        long end = System.nanoTime();
        double seconds = (end - start) / 1e9;
        int others = result.tokens().length - 1;
        OptionalDouble tokensPerSecond =
                others > 0 ? OptionalDouble.of(others * 1e9 / (end - first.get())) : OptionalDouble.empty();
        if (runOptions.json()) {
            String stopped = result.stop().name().toLowerCase(Locale.ROOT).replace('_', '-');
            JsonOutput.write(
                    console.out(),
                    new Result(
                            prompt,
                            text.toString(),
                            ids.length,
                            result.tokens().length,
                            stopped,
                            AccuracyConverter.name(accuracy.accuracy()),
                            device.provider().map(DeviceProvider::name).orElse(Devices.CPU),
                            seconds,
                            tokensPerSecond,
                            PeakMemory.bytes()));
        } else {
            console.out().println();
        }
        ProgressListener progress = console.progress(runOptions);
        new MemoryCap(runOptions.memoryBytes()).broken().ifPresent(progress::note);
        if (result.stop() == Generation.Stop.CONTEXT) {
            progress.note(
                    "the model's context of " + input.transformer().shape().context() + " tokens is full");
        }
    }

    private void say(String part, StringBuilder text) {
        text.append(part);
        if (!runOptions.json()) {
            console.out().print(part);
            console.out().flush();
        }
    }
}
