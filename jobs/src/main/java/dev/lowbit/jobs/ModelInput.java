package dev.lowbit.jobs;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.matrix.Accuracy;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.store.Manifest;
import dev.lowbit.store.MatrixEntry;
import dev.lowbit.store.TaskFile;
import dev.lowbit.transformer.ModelShape;
import dev.lowbit.transformer.TaskSwitch;
import dev.lowbit.transformer.Transformer;
import dev.lowbit.transformer.Transformers;
import dev.lowbit.transformer.text.Tokenizer;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;

/** A model that a command runs: a Hugging Face folder in floats, or what {@code compress} wrote with its matrices packed. */
public final class ModelInput implements AutoCloseable {
    private final Path folder;
    private final CompressedModel compressed;
    private final TaskFile task;
    private final Transformer transformer;
    private final List<String> warnings;

    private ModelInput(
            Path folder, CompressedModel compressed, TaskFile task, Transformer transformer, List<String> warnings) {
        this.folder = folder;
        this.compressed = compressed;
        this.task = task;
        this.transformer = transformer;
        this.warnings = warnings;
    }

    /**
     * Opens and loads a model.
     *
     * @throws UnsupportedModelException for a pickle, no config.json, an architecture whose forward pass is not known
     * @throws MalformedFileException when files break their formats or tensors and config.json disagree
     */
    public static ModelInput open(Path path) {
        return open(path, Optional.empty());
    }

    /**
     * Opens and loads a model as a task has it.
     *
     * @param task what {@code export --to task} wrote for this model; empty for the model as it is
     * @throws InvalidRequestException usage for a task of a model in floats; impossible for one of another model
     * @throws UnsupportedModelException as {@link #open(Path)}
     * @throws MalformedFileException as {@link #open(Path)}, and when the task breaks its format
     */
    public static ModelInput open(Path path, Optional<Path> task) {
        if (Manifest.isIn(path)) {
            return openCompressed(path, task);
        }
        try (Checkpoint checkpoint = Checkpoint.open(path)) {
            if (task.isPresent()) {
                throw InvalidRequestException.usage(
                        "--task " + task.get() + " goes with the compressed model that was tuned, " + path
                                + " is a model in floats; give that one, or leave --task out");
            }
            return new ModelInput(checkpoint.root(), null, null, Transformers.load(checkpoint), checkpoint.warnings());
        }
    }

    private static ModelInput openCompressed(Path path, Optional<Path> task) {
        CompressedModel compressed = CompressedModel.open(path);
        TaskFile changes = null;
        Transformer transformer = null;
        try {
            changes = task.map(file -> TaskFile.open(file, compressed)).orElse(null);
            transformer = Transformers.load(compressed);
            if (changes != null) {
                new TaskSwitch(transformer, compressed).to(changes);
            }
            return new ModelInput(path, compressed, changes, transformer, List.of());
        } catch (RuntimeException | Error e) {
            closeAll(transformer, changes, compressed);
            throw e;
        }
    }

    /**
     * Refuses models that cannot be held and run together under a cap.
     *
     * @param capBytes of the process's memory; empty for none
     * @param running bytes that running a model of this shape takes beside its weights
     * @param copies how often the bytes of compressed matrices are in memory
     * @throws InvalidRequestException impossible, naming the need
     */
    public static void require(
            OptionalLong capBytes, ToLongFunction<ModelShape> running, List<Path> models, int copies) {
        if (capBytes.isPresent()) {
            new MemoryCap(capBytes)
                    .require(bytes(running, models, copies), "running " + names(models), "run it on a larger machine");
        }
    }

    /** What several models are called in a message. */
    public static String names(List<Path> models) {
        return models.stream().map(Path::toString).collect(Collectors.joining(" beside "));
    }

    /**
     * Bytes that models take that are held and run together.
     *
     * @param running bytes that running a model of this shape takes beside its weights
     * @param copies how often the bytes of compressed matrices are in memory
     */
    public static long bytes(ToLongFunction<ModelShape> running, List<Path> models, int copies) {
        long bytes = 0;
        for (Path path : models) {
            if (Manifest.isIn(path)) {
                try (CompressedModel compressed = CompressedModel.open(path)) {
                    bytes += runningBytes(compressed.checkpointOfOthers(), running);
                    for (MatrixEntry matrix : compressed.manifest().matrices()) {
                        bytes += copies * matrix.bytes();
                    }
                }
            } else {
                try (Checkpoint checkpoint = Checkpoint.open(path)) {
                    bytes += runningBytes(checkpoint, running);
                }
            }
        }
        return bytes;
    }

    /** How often the bytes of compressed matrices are in memory at most, as they are stored and as they are multiplied. */
    public static int copies(Accuracy accuracy) {
        return accuracy == Accuracy.FAST ? 3 : 1;
    }

    private static long runningBytes(Checkpoint checkpoint, ToLongFunction<ModelShape> running) {
        long activations = checkpoint
                .config()
                .map(config -> running.applyAsLong(Transformers.shape(config)))
                .orElse(0L);
        return floatBytes(checkpoint) + activations;
    }

    /**
     * The shape of a model that is not open.
     *
     * @throws UnsupportedModelException when it has no config.json
     * @throws MalformedFileException when files break their formats
     */
    public static ModelShape shape(Path path) {
        if (Manifest.isIn(path)) {
            try (CompressedModel compressed = CompressedModel.open(path)) {
                return shape(compressed.checkpointOfOthers());
            }
        }
        try (Checkpoint checkpoint = Checkpoint.open(path)) {
            return shape(checkpoint);
        }
    }

    private static ModelShape shape(Checkpoint checkpoint) {
        return Transformers.shape(checkpoint.requireConfig("the forward pass"));
    }

    /** Bytes of all tensors of a model with its weights in floats. */
    public static long floatBytes(Checkpoint checkpoint) {
        return checkpoint.names().stream()
                .map(checkpoint::info)
                .mapToLong(tensor -> tensor.type().isWeight() ? tensor.elements() * Float.BYTES : tensor.byteSize())
                .sum();
    }

    /** One line each for what is odd about a model in floats; of a compressed one it was said when it was made. */
    public List<String> warnings() {
        return warnings;
    }

    /** The folder with config.json and tokenizer. */
    public Path folder() {
        return folder;
    }

    public Transformer transformer() {
        return transformer;
    }

    /** What {@code compress} says about it; empty for a model in floats. */
    public Optional<Manifest> manifest() {
        return Optional.ofNullable(compressed).map(CompressedModel::manifest);
    }

    /**
     * The beginning-of-sequence token.
     *
     * @throws InvalidRequestException impossible when the tokenizer has none
     * @throws MalformedFileException BAD_TOKENIZER when the model does not have that token
     */
    public int beginning(Tokenizer tokenizer) {
        return tokenizer.requireBeginning(transformer.shape().vocabulary());
    }

    /**
     * The ids of a prompt behind the beginning-of-sequence token.
     *
     * @throws MalformedFileException BAD_TOKENIZER when the model does not have one of them
     */
    public int[] prompt(Tokenizer tokenizer, String prompt) {
        int[] ids = tokenizer.encodePrompt(prompt);
        int[] all = new int[ids.length + 1];
        all[0] = tokenizer.requireBeginning();
        System.arraycopy(ids, 0, all, 1, ids.length);
        tokenizer.requireKnown(all, transformer.shape().vocabulary());
        return all;
    }

    /** Stored bytes of the task's parts; empty without one. */
    public OptionalLong taskBytes() {
        return task == null ? OptionalLong.empty() : OptionalLong.of(task.bytes());
    }

    @Override
    public void close() {
        closeAll(transformer, task, compressed);
    }

    /** Closes what there is: each may be null. */
    private static void closeAll(Transformer transformer, TaskFile task, CompressedModel compressed) {
        if (transformer != null) {
            transformer.close();
        }
        if (task != null) {
            task.close();
        }
        if (compressed != null) {
            compressed.close();
        }
    }
}
