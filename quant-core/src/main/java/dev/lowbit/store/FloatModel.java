package dev.lowbit.store;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.checkpoint.ModelConfig;
import dev.lowbit.checkpoint.OneLine;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.tensor.DType;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Tells a model in floats from one whose stored numbers mean nothing without their scales, which would be read without a word. */
public final class FloatModel {
    /** Beside an 8-bit {@code X.weight}: blocks of DeepSeek, and what compressed-tensors and FBGEMM write. */
    private static final List<String> SCALES = List.of("_scale_inv", "_scale");

    private FloatModel() {}

    /**
     * Refuses what is neither a compressed model, which is not looked at, nor one in floats.
     *
     * @throws MalformedFileException BAD_MANIFEST, for a compressed model that has lost its manifest; as {@link Checkpoint#open(Path)}
     * @throws UnsupportedModelException for a model that others quantized; as {@link Checkpoint#open(Path)}
     * @throws UncheckedIOException when there is no such path, or something cannot be read
     */
    public static void requireModel(Path path) {
        if (Manifest.isIn(path)) {
            return;
        }
        try (Checkpoint checkpoint = Checkpoint.open(path)) {
            // a file of a compressed model: nothing is lost, the caller knows what it needs in its place
            if (!Manifest.isIn(checkpoint.root())) {
                require(checkpoint);
            }
        }
    }

    /**
     * Refuses a model that is not what it seems.
     *
     * @throws InvalidRequestException impossible, for a model that Lowbit compressed
     * @throws MalformedFileException BAD_MANIFEST, for one that has lost its manifest
     * @throws UnsupportedModelException for one that others quantized
     */
    public static void require(Checkpoint checkpoint) {
        if (Manifest.isIn(checkpoint.root())) {
            throw InvalidRequestException.impossible(
                    checkpoint.root() + " is compressed already; give the model in floats that it was made from");
        }
        requireManifest(checkpoint);
        checkpoint.config().ifPresent(FloatModel::requireUnquantized);
        checkpoint.names().forEach(name -> requireNoScale(checkpoint, name));
    }

    /**
     * Refuses a model without a manifest that Lowbit compressed: its parts would pass for weights.
     *
     * @throws MalformedFileException BAD_MANIFEST
     */
    public static void requireManifest(Checkpoint checkpoint) {
        if (Manifest.isIn(checkpoint.root())) {
            return;
        }
        checkpoint.config().filter(FloatModel::isOwn).ifPresent(config -> {
            throw new MalformedFileException(
                    config.file(),
                    -1,
                    Reason.BAD_MANIFEST,
                    "says that Lowbit compressed the model, whose " + Manifest.FILE + " is not there; fetch it too");
        });
    }

    private static void requireUnquantized(ModelConfig config) {
        if (config.raw().get(ConfigFile.KEY) != null) {
            String method = method(config).orElse("unnamed");
            throw new UnsupportedModelException(config.file() + ": " + ConfigFile.KEY
                    + " says that the weights are quantized (" + OneLine.of(method) + ") and " + advice(method));
        }
    }

    private static String advice(String method) {
        return switch (method) {
            case "gptq", "aqlm" -> "floats are needed; lowbit import makes a model of it that runs";
            default ->
                "their scales would be ignored; give the model in floats, or take the block out if these are floats";
        };
    }

    private static void requireNoScale(Checkpoint checkpoint, String name) {
        TensorInfo tensor = checkpoint.info(name);
        if (tensor.type() != DType.F8_E4M3 && tensor.type() != DType.F8_E5M2) {
            return;
        }
        for (String scale : SCALES) {
            if (checkpoint.contains(name + scale)) {
                throw new UnsupportedModelException(
                        checkpoint.root() + ": " + OneLine.of(name) + " is " + tensor.type() + " with scales in "
                                + OneLine.of(name + scale) + ", which would be ignored; give the model in floats");
            }
        }
    }

    /** Whether a configuration says that Lowbit compressed the model. */
    public static boolean isOwn(ModelConfig config) {
        return method(config).filter(ConfigFile.METHOD::equals).isPresent();
    }

    private static Optional<String> method(ModelConfig config) {
        return config.raw().get(ConfigFile.KEY) instanceof Map<?, ?> block
                        && block.get("quant_method") instanceof String method
                ? Optional.of(method)
                : Optional.empty();
    }
}
