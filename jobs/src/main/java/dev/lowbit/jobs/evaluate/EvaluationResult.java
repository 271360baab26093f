package dev.lowbit.jobs.evaluate;

import dev.lowbit.jobs.AccuracyConverter;
import dev.lowbit.jobs.ModelInput;
import dev.lowbit.jobs.PeakMemory;
import dev.lowbit.matrix.Accuracy;
import dev.lowbit.store.Manifest;
import dev.lowbit.transformer.Evaluation;
import dev.lowbit.transformer.Evaluation.Comparison;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * How well a model predicts: the document of {@code --json}.
 *
 * @param weights of the compressed matrices; as the next two absent for a model in floats
 * @param bitsPerWeight 8 * bytes / weights
 * @param bytes of their parts
 * @param taskBytes of the parts of the task that stand in for some of them; absent without one
 * @param tokens predicted
 * @param context tokens of a window with the beginning-of-sequence token
 * @param accuracy of the products: {@code exact} or {@code fast}
 * @param device that multiplied: {@code cpu} or {@code cuda}
 * @param nll mean of -ln p, nats
 * @param perplexity its exponential
 * @param perplexityStdErr perplexity times the standard error of that mean; absent for one token
 * @param klDivergence mean KL(reference || model), nats; as the next three absent without a reference
 * @param klDivergenceStdErr its standard error
 * @param klDivergenceP99 99th percentile over tokens
 * @param top1Agreement share of tokens with the same most probable next token
 * @param seconds the evaluation took, loading included
 * @param peakMemoryBytes the process's peak resident memory, where the system tells
 */
public record EvaluationResult(
        OptionalLong weights,
        OptionalDouble bitsPerWeight,
        OptionalLong bytes,
        OptionalLong taskBytes,
        long tokens,
        int context,
        String accuracy,
        String device,
        double nll,
        double perplexity,
        OptionalDouble perplexityStdErr,
        OptionalDouble klDivergence,
        OptionalDouble klDivergenceStdErr,
        OptionalDouble klDivergenceP99,
        OptionalDouble top1Agreement,
        double seconds,
        OptionalLong peakMemoryBytes) {
    static EvaluationResult of(
            ModelInput input, Accuracy accuracy, String device, int context, Evaluation.Result result, double seconds) {
        Optional<Manifest> manifest = input.manifest();
        Optional<Comparison> comparison = Optional.ofNullable(result.comparison());
        return new EvaluationResult(
                longs(manifest.map(Manifest::weights)),
                doubles(manifest.map(Manifest::bitsPerWeight)),
                longs(manifest.map(Manifest::bytes)),
                input.taskBytes(),
                result.tokens(),
                context,
                AccuracyConverter.name(accuracy),
                device,
                result.negativeLogLikelihood(),
                result.perplexity(),
                error(result, result.perplexityStandardError()),
                doubles(comparison.map(Comparison::divergence)),
                comparison.isEmpty()
                        ? OptionalDouble.empty()
                        : error(result, comparison.get().divergenceStandardError()),
                doubles(comparison.map(Comparison::divergence99)),
                doubles(comparison.map(Comparison::top1Agreement)),
                seconds,
                PeakMemory.bytes());
    }

    /** One token says nothing about how much tokens differ. */
    private static OptionalDouble error(Evaluation.Result result, double standardError) {
        return result.tokens() < 2 ? OptionalDouble.empty() : OptionalDouble.of(standardError);
    }

    private static OptionalLong longs(Optional<Long> value) {
        return value.map(OptionalLong::of).orElse(OptionalLong.empty());
    }

    private static OptionalDouble doubles(Optional<Double> value) {
        return value.map(OptionalDouble::of).orElse(OptionalDouble.empty());
    }
}
