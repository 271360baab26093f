package dev.lowbit.jobs.bench;

import dev.lowbit.jobs.AccuracyConverter;
import dev.lowbit.jobs.compress.Cancellation;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.Accuracy;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.transformer.KeyValueCache;
import dev.lowbit.transformer.Linear;
import dev.lowbit.transformer.Transformer;
import dev.lowbit.transformer.Workspace;
import java.util.Arrays;
import java.util.stream.Stream;

/**
 * How fast a model writes, one token after the other.
 *
 * @param accuracy of the products: {@code exact} or {@code fast}
 * @param threads that share them
 * @param tokensPerSecond one over the median time of a token
 * @param bytesPerToken weights that a token reads from memory
 * @param bytesPerSecond these times the tokens
 * @param shareOfBandwidth of the bytes per second that as many threads read from memory
 */
public record DecodeSpeed(
        String accuracy,
        int threads,
        double tokensPerSecond,
        long bytesPerToken,
        double bytesPerSecond,
        double shareOfBandwidth) {
    /** Tokens before the first that counts, after the products are compiled: so is what is between them. */
    private static final int WARM_UP = 16;

    /**
     * Lets the model read some tokens, each behind those before it, after as many as the warm-up takes.
     *
     * @param tokens that count; with the warm-up at most the model's context
     * @param bandwidth bytes per second that these workers read
     * @throws IllegalStateException when logits are no numbers
     */
    static DecodeSpeed of(
            Transformer model, Accuracy accuracy, int tokens, int threads, double bandwidth, Workers workers) {
        int all = WARM_UP + tokens;
        int vocabulary = model.shape().vocabulary();
        double[] seconds = new double[tokens];
        model.warmUp(workers);
        try (KeyValueCache cache = model.cache(all);
                Workspace space = new Workspace();
                FloatMatrix logits = FloatMatrix.allocate(1, vocabulary)) {
            for (int i = 0; i < all; i++) {
                long start = System.nanoTime();
                model.decode(new int[] {(i * 7 + 1) % vocabulary}, cache, logits, space, workers);
                if (i >= WARM_UP) {
                    seconds[i - WARM_UP] = (System.nanoTime() - start) / 1e9;
                }
                if (!Float.isFinite(logits.get(0, i % vocabulary))) {
                    throw new IllegalStateException(
                            "wrong result, not measured: a logit is " + logits.get(0, i % vocabulary));
                }
                Cancellation.check();
            }
        }
        Arrays.sort(seconds);
        double median = seconds[tokens / 2];
        long bytes = Stream.concat(model.linears().stream(), Stream.of(model.head()))
                .map(Linear::weight)
                .mapToLong(QuantizedMatrix::readBytes)
                .sum();
        return new DecodeSpeed(
                AccuracyConverter.name(accuracy),
                threads,
                1 / median,
                bytes,
                bytes / median,
                bytes / median / bandwidth);
    }

    /** The fewest tokens of context that measuring so many takes. */
    static long context(int tokens) {
        return (long) WARM_UP + tokens;
    }
}
