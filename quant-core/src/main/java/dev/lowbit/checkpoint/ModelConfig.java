package dev.lowbit.checkpoint;

import dev.lowbit.checkpoint.MalformedFileException.Reason;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * A model's config.json: typed access to the fields that matter, the rest as it is. Fields are looked up under their Llama
 * name, then under their GPT-2 name. Absent and {@code null} are the same.
 */
public final class ModelConfig {
    private final Path file;
    private final byte[] text;
    private final Map<String, Object> raw;

    private ModelConfig(Path file, byte[] text, Map<String, Object> raw) {
        this.file = file;
        this.text = text;
        this.raw = raw;
        checkHeads();
    }

    /**
     * Reads and checks {@code file}.
     *
     * @throws MalformedFileException BAD_CONFIG (absent, empty, too large, too deep, contradictory), BAD_JSON, BAD_UTF8 or
     *     DUPLICATE_KEY
     * @throws UncheckedIOException when it cannot be read
     */
    public static ModelConfig read(Path file, Limits limits) {
        if (!Files.exists(file)) {
            throw new MalformedFileException(file, -1, Reason.BAD_CONFIG, "does not exist");
        }
        try {
            if (Files.size(file) > limits.maxConfigBytes()) {
                throw new MalformedFileException(
                        file,
                        -1,
                        Reason.BAD_CONFIG,
                        "has " + Files.size(file) + " bytes, at most " + limits.maxConfigBytes() + " are read");
            }
            byte[] text = Files.readAllBytes(file);
            return new ModelConfig(file, text, StrictJson.parseConfig(file, text, limits));
        } catch (NoSuchFileException e) {
            throw new MalformedFileException(file, -1, Reason.BAD_CONFIG, "does not exist", e);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file + ": " + e, e);
        }
    }

    /** Checks what attention arithmetic relies on: heads divide, groups divide. */
    private void checkHeads() {
        OptionalInt heads = numAttentionHeads();
        OptionalInt hidden = hiddenSize();
        if (heads.isEmpty()) {
            return;
        }
        if (hidden.isPresent() && positive("head_dim").isEmpty() && hidden.getAsInt() % heads.getAsInt() != 0) {
            throw bad("num_attention_heads " + heads.getAsInt() + " does not divide hidden_size " + hidden.getAsInt()
                    + " and there is no head_dim");
        }
        OptionalInt groups = positive("num_key_value_heads");
        if (groups.isPresent() && (groups.getAsInt() > heads.getAsInt() || heads.getAsInt() % groups.getAsInt() != 0)) {
            throw bad("num_key_value_heads " + groups.getAsInt() + " does not divide num_attention_heads "
                    + heads.getAsInt());
        }
    }

    private MalformedFileException bad(String detail) {
        return new MalformedFileException(file, -1, Reason.BAD_CONFIG, detail);
    }

    /** The file it was read from. */
    public Path file() {
        return file;
    }

    /** The file's bytes as they were read. */
    byte[] text() {
        return text;
    }

    /** All fields as {@link StrictJson} gives them, in file order, unmodifiable. */
    public Map<String, Object> raw() {
        return raw;
    }

    /** Class names of the architecture, for example {@code LlamaForCausalLM}; empty when absent. */
    public List<String> architectures() {
        Object value = raw.get("architectures");
        if (value == null) {
            return List.of();
        }
        if (!(value instanceof List<?> list) || !list.stream().allMatch(String.class::isInstance)) {
            throw bad("architectures is no list of strings");
        }
        return list.stream().map(String.class::cast).toList();
    }

    public Optional<String> modelType() {
        return string("model_type");
    }

    public OptionalInt hiddenSize() {
        return positive("hidden_size", "n_embd");
    }

    public OptionalInt intermediateSize() {
        return positive("intermediate_size", "n_inner");
    }

    public OptionalInt numHiddenLayers() {
        return positive("num_hidden_layers", "n_layer");
    }

    public OptionalInt numAttentionHeads() {
        return positive("num_attention_heads", "n_head");
    }

    /** Key/value heads; as many as attention heads when not stated. */
    public OptionalInt numKeyValueHeads() {
        OptionalInt stated = positive("num_key_value_heads");
        return stated.isPresent() ? stated : numAttentionHeads();
    }

    /** Dimension of a head; hidden size / heads when not stated. */
    public OptionalInt headDim() {
        OptionalInt stated = positive("head_dim");
        if (stated.isPresent() || hiddenSize().isEmpty() || numAttentionHeads().isEmpty()) {
            return stated;
        }
        return OptionalInt.of(hiddenSize().getAsInt() / numAttentionHeads().getAsInt());
    }

    public OptionalInt vocabSize() {
        return positive("vocab_size");
    }

    public OptionalInt maxPositionEmbeddings() {
        return positive("max_position_embeddings", "n_positions");
    }

    /** Epsilon of the norms. */
    public OptionalDouble normEps() {
        OptionalDouble rms = number("rms_norm_eps");
        return rms.isPresent() ? rms : number("layer_norm_epsilon");
    }

    public OptionalDouble ropeTheta() {
        return number("rope_theta");
    }

    /** Whether output head and embedding are one tensor; false when not stated. */
    public boolean tieWordEmbeddings() {
        return bool("tie_word_embeddings").orElse(false);
    }

    /** The element type the config claims ({@code torch_dtype} or {@code dtype}), for example {@code bfloat16}. */
    public Optional<String> torchDtype() {
        Optional<String> old = string("torch_dtype");
        return old.isPresent() ? old : string("dtype");
    }

    public Optional<String> hiddenAct() {
        Optional<String> llama = string("hidden_act");
        return llama.isPresent() ? llama : string("activation_function");
    }

    /** Whether the folder asks for code of its own ({@code auto_map}), which is never run. */
    public boolean hasRemoteCode() {
        return raw.get("auto_map") != null;
    }

    /**
     * A string field.
     *
     * @throws MalformedFileException BAD_CONFIG when it is something else
     */
    public Optional<String> string(String key) {
        Object value = raw.get(key);
        if (value == null) {
            return Optional.empty();
        }
        if (value instanceof String string) {
            return Optional.of(string);
        }
        throw bad(key + " is no string");
    }

    /**
     * A boolean field.
     *
     * @throws MalformedFileException BAD_CONFIG when it is something else
     */
    public Optional<Boolean> bool(String key) {
        Object value = raw.get(key);
        if (value == null) {
            return Optional.empty();
        }
        if (value instanceof Boolean bool) {
            return Optional.of(bool);
        }
        throw bad(key + " is no boolean");
    }

    /**
     * A numeric field, integers widened; may be NaN or infinite where Python wrote so.
     *
     * @throws MalformedFileException BAD_CONFIG when it is something else
     */
    public OptionalDouble number(String key) {
        Object value = raw.get(key);
        if (value == null) {
            return OptionalDouble.empty();
        }
        if (value instanceof Number number) {
            return OptionalDouble.of(number.doubleValue());
        }
        throw bad(key + " is no number");
    }

    /**
     * An integer field, in whichever of {@code keys} is present first.
     *
     * @throws MalformedFileException BAD_CONFIG when it is no integer of 1 to 2^31-1
     */
    private OptionalInt positive(String... keys) {
        for (String key : keys) {
            Object value = raw.get(key);
            if (value == null) {
                continue;
            }
            if (!(value instanceof Long integer) || integer < 1 || integer > Integer.MAX_VALUE) {
                throw bad(
                        key + " is " + OneLine.quote(String.valueOf(value)) + ", an integer of 1 to 2^31-1 is needed");
            }
            return OptionalInt.of(integer.intValue());
        }
        return OptionalInt.empty();
    }
}
