package dev.lowbit.jobs.importing;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.checkpoint.ModelConfig;
import dev.lowbit.error.UnsupportedModelException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a quantized model says about all its layers: {@code quantization_config} of config.json, else quantize_config.json.
 *
 * @param file where it was read
 * @param values its fields
 */
record QuantizationConfig(Path file, Map<?, ?> values) {
    private static final String BLOCK = "quantization_config";
    private static final String FILE = "quantize_config.json";

    /**
     * Reads the configuration of a model.
     *
     * @throws MalformedFileException BAD_CONFIG, BAD_JSON ... when it is not what it should be
     * @throws UnsupportedModelException when there is none
     */
    static QuantizationConfig of(Checkpoint checkpoint) {
        Optional<ModelConfig> config = checkpoint.config();
        if (config.isPresent() && config.get().raw().get(BLOCK) instanceof Map<?, ?> block) {
            return new QuantizationConfig(config.get().file(), block);
        }
        Path file = checkpoint.root().resolve(FILE);
        if (!Files.exists(file)) {
            throw new UnsupportedModelException(checkpoint.root() + ": neither config.json has a " + BLOCK
                    + " nor is there a " + FILE + "; give a model that was quantized with GPTQ or AQLM");
        }
        return new QuantizationConfig(
                file, ModelConfig.read(file, Limits.defaults()).raw());
    }

    /** The {@code quant_method}; old files of GPTQ have none. */
    String method() {
        return string("quant_method").orElse("gptq");
    }

    Optional<String> string(String name) {
        return switch (values.get(name)) {
            case null -> Optional.empty();
            case String text -> Optional.of(text);
            default -> throw bad(name + " is no string");
        };
    }

    /** A list of strings, empty where there is none. */
    List<String> strings(String name) {
        return switch (values.get(name)) {
            case null -> List.of();
            case List<?> list
            when list.stream().allMatch(String.class::isInstance) ->
                list.stream().map(String.class::cast).toList();
            default -> throw bad(name + " is no list of strings");
        };
    }

    long integer(String name) {
        if (values.get(name) instanceof Long integer) {
            return integer;
        }
        throw bad(
                name + " is " + (values.containsKey(name) ? "no integer" : "missing") + "; " + method() + " needs it");
    }

    MalformedFileException bad(String detail) {
        return new MalformedFileException(file, -1, Reason.BAD_CONFIG, detail);
    }

    UnsupportedModelException unsupported(String detail) {
        return new UnsupportedModelException(file + ": " + detail);
    }
}
