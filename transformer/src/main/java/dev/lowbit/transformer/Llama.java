package dev.lowbit.transformer;

import dev.lowbit.checkpoint.ModelConfig;
import dev.lowbit.kernel.Activation;
import dev.lowbit.tensor.FloatMatrix;
import java.util.ArrayList;
import java.util.List;

/** Assembles the Llama family (Llama, Mistral up to its window, Qwen2): RMSNorm, rotary, grouped queries, SwiGLU. */
final class Llama {
    private final ConfigReader config;
    private final WeightSource weights;
    private final ModelShape shape;

    Llama(ModelConfig config, WeightSource weights) {
        this.config = new ConfigReader(config);
        this.weights = weights;
        this.shape = this.config.shape();
    }

    Transformer assemble() {
        Activation activation = config.activation("silu");
        Rotary rotary = new Rotary(shape.context(), config.rotaryFrequencies(shape));
        CausalAttention attention = new CausalAttention(shape, 1 / Math.sqrt(shape.headDim()));
        List<Block> blocks = new ArrayList<>();
        for (int l = 0; l < shape.layers(); l++) {
            String at = "model.layers." + l + ".";
            Projections projections = new Projections(List.of(
                    linear(at + "self_attn.q_proj", shape.queryWidth(), shape.hidden()),
                    linear(at + "self_attn.k_proj", shape.keyValueWidth(), shape.hidden()),
                    linear(at + "self_attn.v_proj", shape.keyValueWidth(), shape.hidden())));
            FeedForward feedForward = new FeedForward(
                    linear(at + "mlp.gate_proj", shape.feedForward(), shape.hidden()),
                    linear(at + "mlp.up_proj", shape.feedForward(), shape.hidden()),
                    linear(at + "mlp.down_proj", shape.hidden(), shape.feedForward()),
                    activation);
            blocks.add(new Block(
                    shape,
                    norm(at + "input_layernorm.weight"),
                    projections,
                    rotary,
                    attention,
                    linear(at + "self_attn.o_proj", shape.hidden(), shape.queryWidth()),
                    norm(at + "post_attention_layernorm.weight"),
                    feedForward));
        }
        Linear embedding = linear("model.embed_tokens", shape.vocabulary(), shape.hidden());
        Linear head = config.tied(weights.has("lm_head.weight"))
                ? embedding
                : linear("lm_head", shape.vocabulary(), shape.hidden());
        return new Transformer(shape, embedding, null, null, blocks, norm("model.norm.weight"), head, weights::close);
    }

    private Norm norm(String name) {
        return new Norm(name, weights.vector(name, shape.hidden()), null, null, config.eps(1e-6), false);
    }

    private Linear linear(String module, int outputs, int inputs) {
        String bias = module + ".bias";
        FloatMatrix vector = weights.has(bias) ? weights.vector(bias, outputs) : null;
        return new Linear(module + ".weight", weights.weight(module + ".weight", outputs, inputs, false), bias, vector);
    }
}
