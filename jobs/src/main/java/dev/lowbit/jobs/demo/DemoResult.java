package dev.lowbit.jobs.demo;

import java.util.List;
import java.util.OptionalDouble;

/**
 * What the demo found: the document of {@code --json}.
 *
 * @param prompt that each model continues
 * @param evaluatedTokens tokens of unseen stories that each model predicted
 * @param models the float model, then the compressed ones
 * @param seconds everything together
 */
public record DemoResult(String prompt, int evaluatedTokens, List<Model> models, double seconds) {
    /**
     * One model.
     *
     * @param name {@code float} or the budget in bits
     * @param bitsPerWeight of the compressed matrices, everything counted
     * @param bytes of those matrices
     * @param relativeError of those matrices; absent for the float model, as the figures beside it
     * @param perplexity on the unseen stories
     * @param klDivergence mean KL(float || model), nats
     * @param top1Agreement share of tokens with the same most probable next token as the float model
     * @param continuation what the model finds most probable behind the prompt
     */
    public record Model(
            String name,
            double bitsPerWeight,
            long bytes,
            OptionalDouble relativeError,
            double perplexity,
            OptionalDouble klDivergence,
            OptionalDouble top1Agreement,
            String continuation) {}

    public DemoResult {
        models = List.copyOf(models);
    }
}
