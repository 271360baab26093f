package dev.lowbit.transformer;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.ModelConfig;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.store.FloatModel;

/** Loads models: config.json says which parts, the tensors are read one by one. */
public final class Transformers {
    private Transformers() {}

    /**
     * A model in floats.
     *
     * @param checkpoint may be closed afterwards
     * @throws UnsupportedModelException for an architecture whose forward pass is not known here, and for quantized weights
     * @throws dev.lowbit.checkpoint.MalformedFileException when tensors and config.json disagree
     */
    public static Transformer load(Checkpoint checkpoint) {
        FloatModel.require(checkpoint);
        return assemble(WeightSource.of(checkpoint), checkpoint);
    }

    /** A compressed model, whose matrices stay packed; {@code model} must outlive the result. */
    public static Transformer load(CompressedModel model) {
        return assemble(WeightSource.of(model), model.checkpointOfOthers());
    }

    /**
     * The sizes that config.json gives a model, without its weights.
     *
     * @throws UnsupportedModelException for an architecture whose forward pass is not known
     * @throws MalformedFileException when it lacks one
     */
    public static ModelShape shape(ModelConfig config) {
        architecture(config);
        return new ConfigReader(config).shape();
    }

    private static Transformer assemble(WeightSource weights, Checkpoint checkpoint) {
        try {
            ModelConfig config = checkpoint.requireConfig("the forward pass");
            return switch (architecture(config)) {
                case LLAMA -> new Llama(config, weights).assemble();
                case GPT2 -> new Gpt2(config, weights).assemble();
            };
        } catch (RuntimeException | Error e) {
            weights.close();
            throw e;
        }
    }

    private enum Architecture {
        LLAMA,
        GPT2
    }

    private static Architecture architecture(ModelConfig config) {
        String type = config.modelType().orElse("");
        return switch (type) {
            case "llama", "mistral", "qwen2" -> Architecture.LLAMA;
            case "gpt2" -> Architecture.GPT2;
            default ->
                throw new UnsupportedModelException(config.file() + ": the forward pass of model_type '" + type
                        + "' is not known; llama, mistral, qwen2 and gpt2 are");
        };
    }
}
