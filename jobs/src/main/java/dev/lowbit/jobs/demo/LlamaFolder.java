package dev.lowbit.jobs.demo;

import dev.lowbit.jobs.JsonOutput;
import dev.lowbit.tensor.DType;
import dev.lowbit.transformer.ModelShape;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/** What a Hugging Face folder with a Llama in it says about the model. */
final class LlamaFolder {
    static final double NORM_EPSILON = 1e-5;

    private LlamaFolder() {}

    /** Names and shapes of all tensors in their usual order; without an output head when it is tied to the embedding. */
    static SequencedMap<String, List<Long>> shapes(ModelShape shape, boolean tied) {
        SequencedMap<String, List<Long>> shapes = new LinkedHashMap<>();
        int hidden = shape.hidden();
        put(shapes, "model.embed_tokens.weight", shape.vocabulary(), hidden);
        for (int i = 0; i < shape.layers(); i++) {
            String layer = "model.layers." + i + ".";
            put(shapes, layer + "input_layernorm.weight", hidden);
            put(shapes, layer + "self_attn.q_proj.weight", shape.queryWidth(), hidden);
            put(shapes, layer + "self_attn.k_proj.weight", shape.keyValueWidth(), hidden);
            put(shapes, layer + "self_attn.v_proj.weight", shape.keyValueWidth(), hidden);
            put(shapes, layer + "self_attn.o_proj.weight", hidden, shape.queryWidth());
            put(shapes, layer + "post_attention_layernorm.weight", hidden);
            put(shapes, layer + "mlp.gate_proj.weight", shape.feedForward(), hidden);
            put(shapes, layer + "mlp.up_proj.weight", shape.feedForward(), hidden);
            put(shapes, layer + "mlp.down_proj.weight", hidden, shape.feedForward());
        }
        put(shapes, "model.norm.weight", hidden);
        if (!tied) {
            put(shapes, "lm_head.weight", shape.vocabulary(), hidden);
        }
        return shapes;
    }

    private static void put(Map<String, List<Long>> shapes, String name, long... shape) {
        shapes.put(name, Arrays.stream(shape).boxed().toList());
    }

    /** The text of config.json. */
    static String config(ModelShape shape, DType type, boolean tied) {
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("architectures", List.of("LlamaForCausalLM"));
        config.put("model_type", "llama");
        config.put("hidden_size", shape.hidden());
        config.put("intermediate_size", shape.feedForward());
        config.put("num_hidden_layers", shape.layers());
        config.put("num_attention_heads", shape.heads());
        config.put("num_key_value_heads", shape.keyValueHeads());
        config.put("head_dim", shape.headDim());
        config.put("vocab_size", shape.vocabulary());
        config.put("max_position_embeddings", shape.context());
        config.put("rms_norm_eps", NORM_EPSILON);
        config.put("rope_theta", 10000.0);
        config.put("hidden_act", "silu");
        config.put("tie_word_embeddings", tied);
        config.put("bos_token_id", 1);
        config.put("eos_token_id", 2);
        config.put(
                "torch_dtype",
                switch (type) {
                    case F32 -> "float32";
                    case F16 -> "float16";
                    case BF16 -> "bfloat16";
                    default -> throw new IllegalArgumentException("not a type of a float model: " + type);
                });
        return JsonOutput.text(config) + "\n";
    }
}
