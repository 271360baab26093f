package dev.lowbit.transformer;

import dev.lowbit.checkpoint.ModelConfig;
import dev.lowbit.kernel.Activation;
import dev.lowbit.tensor.FloatMatrix;
import java.util.ArrayList;
import java.util.List;

/** Assembles GPT-2: LayerNorm, learned positions, fused c_attn, a two-layer feed-forward; matrices are stored input-major. */
final class Gpt2 {
    private final ConfigReader config;
    private final WeightSource weights;
    private final ModelShape shape;
    private final String prefix;

    Gpt2(ModelConfig config, WeightSource weights) {
        this.config = new ConfigReader(config);
        this.weights = weights;
        this.shape = this.config.shape();
        this.prefix = weights.has("transformer.wte.weight") ? "transformer." : "";
    }

    Transformer assemble() {
        Activation activation = config.activation("gelu_new");
        int fusedWidth = config.width("3 * n_embd", 3, shape.hidden());
        List<Block> blocks = new ArrayList<>();
        for (int l = 0; l < shape.layers(); l++) {
            String at = prefix + "h." + l + ".";
            Projections fused = new Projections(List.of(linear(at + "attn.c_attn", fusedWidth, shape.hidden(), true)));
            FeedForward feedForward = new FeedForward(
                    linear(at + "mlp.c_fc", shape.feedForward(), shape.hidden(), true),
                    null,
                    linear(at + "mlp.c_proj", shape.hidden(), shape.feedForward(), true),
                    activation);
            blocks.add(new Block(
                    shape,
                    norm(at + "ln_1"),
                    fused,
                    null,
                    new CausalAttention(shape, config.scoreScale(shape, l)),
                    linear(at + "attn.c_proj", shape.hidden(), shape.hidden(), true),
                    norm(at + "ln_2"),
                    feedForward));
        }
        Linear embedding = linear(prefix + "wte", shape.vocabulary(), shape.hidden(), false);
        String positions = prefix + "wpe.weight";
        Linear head = config.tied(weights.has("lm_head.weight"))
                ? embedding
                : linear("lm_head", shape.vocabulary(), shape.hidden(), false);
        return new Transformer(
                shape,
                embedding,
                positions,
                weights.table(positions, shape.context(), shape.hidden(), false),
                blocks,
                norm(prefix + "ln_f"),
                head,
                weights::close);
    }

    private Norm norm(String module) {
        String bias = module + ".bias";
        FloatMatrix vector = weights.has(bias) ? weights.vector(bias, shape.hidden()) : null;
        return new Norm(
                module + ".weight",
                weights.vector(module + ".weight", shape.hidden()),
                bias,
                vector,
                config.eps(1e-5),
                true);
    }

    private Linear linear(String module, int outputs, int inputs, boolean inputMajor) {
        String bias = module + ".bias";
        FloatMatrix vector = weights.has(bias) ? weights.vector(bias, outputs) : null;
        return new Linear(
                module + ".weight", weights.weight(module + ".weight", outputs, inputs, inputMajor), bias, vector);
    }
}
