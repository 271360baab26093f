package dev.lowbit.transformer;

import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.ModelConfig;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.kernel.Activation;
import java.util.Map;
import java.util.OptionalInt;

/** What the forward pass needs from a config.json, with a sentence for everything it cannot do. */
final class ConfigReader {
    /** What Mistral's own configuration says where a file is silent. */
    private static final int MISTRAL_WINDOW = 4096;

    private final ModelConfig config;

    ConfigReader(ModelConfig config) {
        this.config = config;
    }

    ModelShape shape() {
        int hidden = need("hidden_size", config.hiddenSize());
        OptionalInt inner = config.intermediateSize();
        int heads = need("num_attention_heads", config.numAttentionHeads());
        int keyValueHeads = need("num_key_value_heads", config.numKeyValueHeads());
        int headDim = need("head_dim", config.headDim());
        int queryWidth = width("num_attention_heads * head_dim", heads, headDim);
        if (isGpt2() && (queryWidth != hidden || keyValueHeads != heads)) {
            throw bad("has " + heads + " heads of " + headDim + " numbers with " + keyValueHeads
                    + " key/value heads; GPT-2 has as many of both, which together are n_embd (" + hidden
                    + ") wide: leave head_dim and num_key_value_heads out");
        }
        return new ModelShape(
                hidden,
                need("num_hidden_layers", config.numHiddenLayers()),
                heads,
                keyValueHeads,
                headDim,
                inner.isEmpty() && isGpt2() ? width("4 * n_embd", 4, hidden) : need("intermediate_size", inner),
                need("vocab_size", config.vocabSize()),
                context());
    }

    private boolean isGpt2() {
        return isOf("gpt2");
    }

    private boolean isOf(String type) {
        return config.modelType().filter(type::equals).isPresent();
    }

    /** A product of sizes that is the side of a matrix. */
    int width(String what, int first, int second) {
        long width = (long) first * second;
        if (width > Integer.MAX_VALUE) {
            throw bad("has " + what + " = " + width + "; a side of a matrix has at most 2^31-1");
        }
        return (int) width;
    }

    /**
     * Within a sliding window attention is full attention, so a model with one is read up to its window. Where config.json is silent, Mistral has
     * one (null says that it has none) and Qwen2 does not use its own.
     */
    private int context() {
        int context = need("max_position_embeddings", config.maxPositionEmbeddings());
        boolean named = config.raw().containsKey("sliding_window");
        Object window = named || !isOf("mistral") ? config.raw().get("sliding_window") : (Integer) MISTRAL_WINDOW;
        if (window == null || !config.bool("use_sliding_window").orElse(!isOf("qwen2"))) {
            return context;
        }
        if (window instanceof Number number && number.longValue() > 0) {
            return (int) Math.min(context, number.longValue());
        }
        throw bad("has a sliding_window of " + window + "; a positive number is needed");
    }

    private int need(String field, OptionalInt value) {
        return value.orElseThrow(() -> bad("has no " + field + ", which the forward pass needs"));
    }

    private MalformedFileException bad(String detail) {
        return new MalformedFileException(config.file(), -1, MalformedFileException.Reason.BAD_CONFIG, detail);
    }

    private UnsupportedModelException unsupported(String what) {
        return new UnsupportedModelException(config.file() + ": " + what);
    }

    double eps(double otherwise) {
        double eps = config.normEps().orElse(otherwise);
        if (!(eps >= 0) || Double.isInfinite(eps)) {
            throw bad("has a norm epsilon of " + eps + "; a small positive number is needed");
        }
        return eps;
    }

    /**
     * Whether head and embedding are one tensor. Where config.json is silent, those of GPT-2 are, those of Llama when there is no other head.
     *
     * @param head whether the weights have a head
     */
    boolean tied(boolean head) {
        return config.bool("tie_word_embeddings").orElse(isGpt2() || !head);
    }

    /**
     * What the attention scores of a layer of GPT-2 are multiplied by: 1/√headDim unless that is switched off, on request divided by the
     * layer's number.
     *
     * @param layer counted from 0; its number is counted from 1
     */
    double scoreScale(ModelShape shape, int layer) {
        double scale = config.bool("scale_attn_weights").orElse(true) ? 1 / Math.sqrt(shape.headDim()) : 1;
        return config.bool("scale_attn_by_inverse_layer_idx").orElse(false) ? scale / (layer + 1) : scale;
    }

    Activation activation(String otherwise) {
        String name = config.hiddenAct().orElse(otherwise);
        return switch (name) {
            case "silu", "swish" -> Activation.SILU;
            case "gelu" -> Activation.GELU_ERF;
            case "gelu_new", "gelu_pytorch_tanh", "gelu_fast" -> Activation.GELU_TANH;
            case "relu" -> Activation.RELU;
            default -> throw unsupported("activation " + name + " is not one of silu, gelu, gelu_new, relu");
        };
    }

    /** theta^(-2i/headDim), bent by rope_scaling: default, linear or llama3. Newer files keep both in rope_parameters. */
    double[] rotaryFrequencies(ModelShape shape) {
        if (shape.headDim() % 2 != 0) {
            throw bad("has an odd head_dim of " + shape.headDim() + "; rotary embedding turns pairs");
        }
        Object parameters = config.raw().get("rope_parameters");
        double theta = parameters instanceof Map<?, ?> map && map.containsKey("rope_theta")
                ? number(map, "rope_theta")
                : config.ropeTheta().orElse(10000);
        if (!(theta > 0) || Double.isInfinite(theta)) {
            throw bad("has a rope_theta of " + theta + "; a positive number is needed");
        }
        double[] frequencies = new double[shape.headDim() / 2];
        for (int i = 0; i < frequencies.length; i++) {
            frequencies[i] = StrictMath.pow(theta, -2.0 * i / shape.headDim());
        }
        Object older = config.raw().get("rope_scaling");
        if (parameters != null && older != null && !parameters.equals(older)) {
            throw bad("has both rope_scaling and rope_parameters, and they differ; leave one out");
        }
        Object scaling = parameters == null ? older : parameters;
        if (scaling instanceof Map<?, ?> map) {
            scale(frequencies, map);
        } else if (scaling != null) {
            throw bad("has rotary parameters that are no object");
        }
        return frequencies;
    }

    private void scale(double[] frequencies, Map<?, ?> scaling) {
        Object kind = scaling.containsKey("rope_type") ? scaling.get("rope_type") : scaling.get("type");
        if (kind == null && scaling.containsKey("factor")) {
            throw bad("has rotary parameters with a factor and without a rope_type; name the type");
        }
        switch (String.valueOf(kind)) {
            case "default", "null" -> {}
            case "linear" -> {
                double factor = number(scaling, "factor");
                for (int i = 0; i < frequencies.length; i++) {
                    frequencies[i] /= factor;
                }
            }
            case "llama3" -> {
                double factor = number(scaling, "factor");
                double low = number(scaling, "low_freq_factor");
                double high = number(scaling, "high_freq_factor");
                double trained = number(scaling, "original_max_position_embeddings");
                for (int i = 0; i < frequencies.length; i++) {
                    // turns over the trained context: few are slowed down by the factor, many are kept, in between
                    // blended
                    double turns = trained * frequencies[i] / (2 * Math.PI);
                    double keep = Math.clamp((turns - low) / (high - low), 0.0, 1.0);
                    frequencies[i] = (1 - keep) * frequencies[i] / factor + keep * frequencies[i];
                }
            }
            default -> throw unsupported("rope_scaling of type " + kind + " is not one of default, linear, llama3");
        }
    }

    private double number(Map<?, ?> map, String key) {
        if (map.get(key) instanceof Number number && number.doubleValue() > 0) {
            return number.doubleValue();
        }
        throw bad("has rotary parameters whose " + key + " is no positive number");
    }
}
