package dev.lowbit.jobs.compare;

import dev.lowbit.jobs.evaluate.EvaluationResult;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * What was measured of one model; nothing of a budget that was not met. Functions of bytes alone, so without times and memory.
 *
 * @param bytes of all parts of the compressed matrices; absent for a model in floats, as the next
 * @param bitsPerWeight everything counted
 * @param tokens predicted
 * @param perplexity on the text
 * @param perplexityStdErr its standard error
 * @param klDivergence mean KL(float || model), nats; absent for a model in floats, as the next two
 * @param klDivergenceStdErr its standard error
 * @param top1Agreement share of tokens with the same most probable next token
 */
public record Figures(
        OptionalLong bytes,
        OptionalDouble bitsPerWeight,
        OptionalLong tokens,
        OptionalDouble perplexity,
        OptionalDouble perplexityStdErr,
        OptionalDouble klDivergence,
        OptionalDouble klDivergenceStdErr,
        OptionalDouble top1Agreement) {
    /** Nothing was measured. */
    static final Figures NONE = new Figures(
            OptionalLong.empty(),
            OptionalDouble.empty(),
            OptionalLong.empty(),
            OptionalDouble.empty(),
            OptionalDouble.empty(),
            OptionalDouble.empty(),
            OptionalDouble.empty(),
            OptionalDouble.empty());

    static Figures of(EvaluationResult result) {
        return new Figures(
                result.bytes(),
                result.bitsPerWeight(),
                OptionalLong.of(result.tokens()),
                OptionalDouble.of(result.perplexity()),
                result.perplexityStdErr(),
                result.klDivergence(),
                result.klDivergenceStdErr(),
                result.top1Agreement());
    }
}
