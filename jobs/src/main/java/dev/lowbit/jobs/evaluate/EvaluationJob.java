package dev.lowbit.jobs.evaluate;

import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.OneLine;
import dev.lowbit.device.Device;
import dev.lowbit.device.DeviceProvider;
import dev.lowbit.device.Devices;
import dev.lowbit.error.DeviceException;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.jobs.DeviceOptions;
import dev.lowbit.jobs.MemoryCap;
import dev.lowbit.jobs.ModelInput;
import dev.lowbit.jobs.ProgressListener;
import dev.lowbit.jobs.TextTokens;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.Accuracy;
import dev.lowbit.transformer.Evaluation;
import dev.lowbit.transformer.Transformer;
import dev.lowbit.transformer.text.Corpus;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * Evaluates a model on a text or on windows of ids.
 *
 * @param model to evaluate
 * @param task of that model, to evaluate instead of the model as it is
 * @param reference to compare it with
 * @param text plain text or JSON lines; exactly one of it and {@code ids}
 * @param ids windows of ids, see {@link EvaluationTokens#ofIds}
 * @param context tokens of a window of the text; empty for all that the models read, but at most {@value #USUAL_CONTEXT}
 * @param maxTokens tokens to predict from the beginning on
 * @param accuracy of the model's products; the reference is always exact
 * @param device that multiplies, for the reference too; empty for the CPU
 * @param memoryBytes cap of the process's memory
 */
public record EvaluationJob(
        Path model,
        Optional<Path> task,
        Optional<Path> reference,
        Optional<Path> text,
        Optional<Path> ids,
        OptionalInt context,
        int maxTokens,
        Accuracy accuracy,
        Optional<DeviceProvider> device,
        OptionalLong memoryBytes) {
    /** The longest window unless said otherwise: activations and attention grow with it, and a model may read a thousand times as many. */
    public static final int USUAL_CONTEXT = 2048;

    public EvaluationJob {
        if (text.isPresent() == ids.isPresent()) {
            throw InvalidRequestException.usage((text.isPresent() ? "both of" : "neither of")
                    + " --text and --ids were given; give a text file, or a .safetensors file of token ids");
        }
        if (ids.isPresent() && context.isPresent()) {
            throw InvalidRequestException.usage(
                    "--context goes with --text; the windows of --ids have a length of their own");
        }
    }

    /**
     * Runs the job.
     *
     * @throws UnsupportedModelException see {@link ModelInput#open}
     * @throws MalformedFileException what is wrong with a file of a model or with the text
     * @throws InvalidRequestException what cannot be done as asked
     * @throws DeviceException when the device is absent, too small or lost
     */
    public EvaluationResult run(Workers workers, ProgressListener progress) {
        long start = System.nanoTime();
        List<Path> models = new ArrayList<>(List.of(model));
        task.ifPresent(models::add);
        reference.ifPresent(models::add);
        MemoryCap cap = new MemoryCap(memoryBytes);
        if (memoryBytes.isPresent()) {
            requireMemory(cap, models);
        }
        try (Device used = DeviceOptions.open(device, accuracy);
                ModelInput input = ModelInput.open(model, task);
                ModelInput other = reference.map(ModelInput::open).orElse(null)) {
            Transformer beside = other == null ? null : other.transformer();
            input.warnings().forEach(line -> progress.note("warning: " + OneLine.of(line)));
            if (used == null) {
                input.transformer().prepare(accuracy, workers);
            } else {
                input.transformer().place(used);
                if (beside != null) {
                    beside.place(used);
                }
            }
            EvaluationTokens tokens = ids.isPresent()
                    ? EvaluationTokens.ofIds(ids.get(), input, maxTokens)
                    : EvaluationTokens.ofText(
                            text.orElseThrow(), input, context(input.transformer(), beside), maxTokens);
            Evaluation.Result result;
            try (ProgressListener.Stage stage = progress.stage("evaluating", tokens.tokens().length, "tokens")) {
                result = Evaluation.evaluate(
                        input.transformer(),
                        beside,
                        tokens.beginning(),
                        tokens.tokens(),
                        tokens.context(),
                        workers,
                        stage::advance);
            }
            result.overflow().ifPresent(overflow -> refuse(overflow, tokens.context()));
            cap.broken().ifPresent(progress::note);
            return EvaluationResult.of(
                    input,
                    accuracy,
                    device.map(DeviceProvider::name).orElse(Devices.CPU),
                    tokens.context(),
                    result,
                    (System.nanoTime() - start) / 1e9);
        }
    }

    /** Beside the weights first the text is in memory, once, and then the activations of all models. */
    private void requireMemory(MemoryCap cap, List<Path> models) {
        int rows = Math.min(maxTokens, Evaluation.rowsAtOnce(asked()));
        int copies = ModelInput.copies(accuracy);
        long running = ModelInput.bytes(shape -> shape.forwardBytes(rows), models, copies);
        long reading = ModelInput.bytes(shape -> 0, models, copies)
                + text.map(Corpus::readingBytes).orElse(0L);
        cap.require(
                Math.max(running, reading),
                "running " + ModelInput.names(models),
                reading > running ? TextTokens.SHORTER : "run it on a larger machine");
    }

    private void refuse(Evaluation.Overflow overflow, int context) {
        Path failed = overflow.inReference() ? reference.orElseThrow() : model;
        throw InvalidRequestException.impossible(
                "what " + failed + " predicts for token " + overflow.token() % (context - 1)
                        + " of window " + overflow.token() / (context - 1)
                        + " is no finite number; its activations overflow, check it with lowbit verify or give another model");
    }

    /** Tokens of a window, before a model is loaded; of one too long, which is refused later, as many as the model reads. */
    private int asked() {
        int asked = ids.map(EvaluationTokens::lengthOfIds).orElseGet(() -> context.orElse(USUAL_CONTEXT));
        return Math.min(asked, ModelInput.shape(model).context());
    }

    /** Refuses a context before the text is read, which can take long. */
    private int context(Transformer input, Transformer beside) {
        int most = input.shape().context();
        if (beside != null) {
            most = Math.min(most, beside.shape().context());
        }
        if (context.isPresent() && context.getAsInt() > most) {
            throw InvalidRequestException.impossible("--context " + context.getAsInt()
                    + " exceeds the model's context of " + most + "; give 2 to " + most);
        }
        return context.orElse(Math.min(most, USUAL_CONTEXT));
    }
}
