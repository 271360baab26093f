package dev.lowbit.transformer;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Model folders with random weights, and the same weights as doubles, matrices outputs x inputs. */
final class SmallModels {
    final ModelShape shape;
    final boolean llama;
    final String activation;
    final Map<String, double[]> parameters = new LinkedHashMap<>();
    private final Map<String, List<Long>> shapes = new LinkedHashMap<>();
    private final Map<String, float[]> stored = new LinkedHashMap<>();
    private final boolean tied;
    private boolean scaledByHead = true;
    private boolean scaledByLayer;
    private double epsilon = 1e-5;
    private double theta = 10000;

    SmallModels(ModelShape shape, boolean llama, String activation, boolean biases, boolean tied, long seed) {
        this.shape = shape;
        this.llama = llama;
        this.activation = activation;
        this.tied = tied;
        RandomStream random = RandomStream.of(seed, "small model", "weights");
        int h = shape.hidden();
        add(llama ? "model.embed_tokens.weight" : "transformer.wte.weight", shape.vocabulary(), h, false, random);
        if (!llama) {
            add("transformer.wpe.weight", shape.context(), h, false, random);
        }
        for (int l = 0; l < shape.layers(); l++) {
            String at = (llama ? "model.layers." : "transformer.h.") + l + ".";
            if (llama) {
                vector(at + "input_layernorm.weight", h, random);
                vector(at + "post_attention_layernorm.weight", h, random);
                linear(at + "self_attn.q_proj", shape.queryWidth(), h, biases, random);
                linear(at + "self_attn.k_proj", shape.keyValueWidth(), h, biases, random);
                linear(at + "self_attn.v_proj", shape.keyValueWidth(), h, biases, random);
                linear(at + "self_attn.o_proj", h, shape.queryWidth(), false, random);
                linear(at + "mlp.gate_proj", shape.feedForward(), h, false, random);
                linear(at + "mlp.up_proj", shape.feedForward(), h, false, random);
                linear(at + "mlp.down_proj", h, shape.feedForward(), false, random);
            } else {
                for (String norm : List.of("ln_1", "ln_2")) {
                    vector(at + norm + ".weight", h, random);
                    vector(at + norm + ".bias", h, random);
                }
                linear(at + "attn.c_attn", 3 * h, h, biases, random);
                linear(at + "attn.c_proj", h, h, biases, random);
                linear(at + "mlp.c_fc", shape.feedForward(), h, biases, random);
                linear(at + "mlp.c_proj", h, shape.feedForward(), biases, random);
            }
        }
        vector(llama ? "model.norm.weight" : "transformer.ln_f.weight", h, random);
        if (!llama) {
            vector("transformer.ln_f.bias", h, random);
        }
        if (!tied) {
            add("lm_head.weight", shape.vocabulary(), h, false, random);
        }
    }

    private void linear(String module, int outputs, int inputs, boolean bias, RandomStream random) {
        add(module + ".weight", outputs, inputs, !llama, random);
        if (bias) {
            vector(module + ".bias", outputs, random);
        }
    }

    private void vector(String name, int length, RandomStream random) {
        float[] values = new float[length];
        for (int i = 0; i < length; i++) {
            values[i] = (float) ((name.contains("bias") ? 0 : 1) + 0.2 * random.nextGaussian());
        }
        put(name, List.of((long) length), values, values);
    }

    private void add(String name, int rows, int columns, boolean inputMajor, RandomStream random) {
        float[] values = new float[rows * columns];
        float[] transposed = new float[values.length];
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < columns; c++) {
                values[r * columns + c] = (float) (random.nextGaussian() / Math.sqrt(columns));
                transposed[c * rows + r] = values[r * columns + c];
            }
        }
        List<Long> dimensions =
                inputMajor ? List.of((long) columns, (long) rows) : List.of((long) rows, (long) columns);
        put(name, dimensions, values, inputMajor ? transposed : values);
    }

    private void put(String name, List<Long> dimensions, float[] values, float[] asStored) {
        double[] doubles = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            doubles[i] = values[i];
        }
        parameters.put(name, doubles);
        shapes.put(name, dimensions);
        stored.put(name, asStored);
    }

    /** Has GPT-2 scale its attention scores otherwise: with or without 1/√headDim, divided by the number of the layer or not. */
    SmallModels scoresScaled(boolean byHead, boolean byLayer) {
        scaledByHead = byHead;
        scaledByLayer = byLayer;
        return this;
    }

    /** Has the Llama's norms add that ε and its rotations have that base. */
    SmallModels constants(double normEpsilon, double ropeTheta) {
        epsilon = normEpsilon;
        theta = ropeTheta;
        return this;
    }

    ReferenceDecoder reference() {
        double scale = scaledByHead ? 1 / Math.sqrt(shape.headDim()) : 1;
        return new ReferenceDecoder(
                shape,
                parameters,
                llama,
                activation,
                layer -> scaledByLayer ? scale / (layer + 1) : scale,
                epsilon,
                theta);
    }

    @Override
    public String toString() {
        return (llama ? "llama " : "gpt2 ") + activation + " " + shape + (scaledByHead ? "" : " unscaled")
                + (scaledByLayer ? " scaled by layer" : "");
    }

    Transformer load(Path folder) {
        write(folder);
        try (Checkpoint checkpoint = Checkpoint.open(folder)) {
            return Transformers.load(checkpoint);
        }
    }

    void write(Path folder) {
        try {
            Files.createDirectories(folder);
            Files.writeString(folder.resolve("config.json"), config());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        List<SafetensorsWriter.Entry> entries = new ArrayList<>();
        shapes.forEach((name, dimensions) -> entries.add(new SafetensorsWriter.Entry(name, DType.F32, dimensions)));
        try (SafetensorsWriter writer =
                SafetensorsWriter.create(folder.resolve("model.safetensors"), Map.of(), entries)) {
            stored.values().forEach(values -> writer.write(MemorySegment.ofArray(values)));
            writer.finish();
        }
    }

    String config() {
        return llama
                ? """
                {"model_type": "llama", "hidden_size": %d, "num_hidden_layers": %d, "num_attention_heads": %d,
                 "num_key_value_heads": %d, "head_dim": %d, "intermediate_size": %d, "vocab_size": %d,
                 "max_position_embeddings": %d, "rms_norm_eps": %s, "rope_theta": %s, "hidden_act": "%s",
                 "tie_word_embeddings": %b}
                """.formatted(
                                shape.hidden(),
                                shape.layers(),
                                shape.heads(),
                                shape.keyValueHeads(),
                                shape.headDim(),
                                shape.feedForward(),
                                shape.vocabulary(),
                                shape.context(),
                                epsilon,
                                theta,
                                activation,
                                tied)
                : """
                {"model_type": "gpt2", "n_embd": %d, "n_layer": %d, "n_head": %d, "n_inner": %d, "vocab_size": %d,
                 "n_positions": %d, "layer_norm_epsilon": 1e-5, "activation_function": "%s", "tie_word_embeddings": %b,
                 "scale_attn_weights": %b, "scale_attn_by_inverse_layer_idx": %b}
                """.formatted(
                                shape.hidden(),
                                shape.layers(),
                                shape.heads(),
                                shape.feedForward(),
                                shape.vocabulary(),
                                shape.context(),
                                activation,
                                tied,
                                scaledByHead,
                                scaledByLayer);
    }
}
