package dev.lowbit.transformer;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.DecodedProducts;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Arrays;
import java.util.Optional;
import java.util.function.IntConsumer;

/**
 * How well a model predicts a text, alone and beside a reference model. The text is cut into windows of context - 1 tokens;
 * each window is read on its own, behind the beginning-of-sequence token, and every token of it is predicted once.
 */
public final class Evaluation {
    /**
     * Tokens of windows that are read together. It decides memory, and the last digits of the last predictions: where the last batch is left with no more than
     * {@link DecodedProducts#FEW_TOKENS} tokens, their sums run in another order.
     */
    public static final int BATCH_TOKENS = 2048;

    private Evaluation() {}

    /** Rows of activations of a batch of windows: those of several that hold {@link #BATCH_TOKENS} tokens, or of one that is longer. */
    public static int rowsAtOnce(int context) {
        return Math.max(1, BATCH_TOKENS / context) * (context - 1);
    }

    /**
     * Figures of a text.
     *
     * @param tokens tokens predicted
     * @param negativeLogLikelihood mean of -ln p, nats
     * @param perplexity its exponential
     * @param perplexityStandardError perplexity times the standard error of the mean, which takes tokens as independent
     * @param comparison beside the reference; null without one
     * @param overflow where the evaluation ended, because no figure is a number any more; empty when all are
     */
    public record Result(
            long tokens,
            double negativeLogLikelihood,
            double perplexity,
            double perplexityStandardError,
            Comparison comparison,
            Optional<Overflow> overflow) {}

    /**
     * The first token whose prediction is no finite number.
     *
     * @param token its position in the text, from 0 on
     * @param inReference whether it is the reference that failed there, and not the model
     */
    public record Overflow(int token, boolean inReference) {}

    /**
     * A model beside its reference on the same tokens.
     *
     * @param divergence mean KL(reference || model), nats
     * @param divergenceStandardError its standard error
     * @param divergence99 99th percentile over tokens: the smallest value that at least 99 % do not exceed
     * @param top1Agreement share of tokens for which both have the same most probable next token (the lower id on a tie)
     */
    public record Comparison(
            double divergence, double divergenceStandardError, double divergence99, double top1Agreement) {}

    /**
     * Evaluates. When a prediction is no finite number, it ends there and the figures are NaN.
     *
     * @param reference null for the model alone; else a model of the same vocabulary
     * @param beginning id of the beginning-of-sequence token
     * @param tokens the text without it
     * @param context at most the model's (and the reference's) context
     * @throws InvalidRequestException for an empty text, an id out of range, a context that is too long or below 2
     */
    public static Result evaluate(
            Transformer model, Transformer reference, int beginning, int[] tokens, int context, Workers workers) {
        return evaluate(model, reference, beginning, tokens, context, workers, count -> {});
    }

    /**
     * As above.
     *
     * @param progress told how many tokens were predicted, each time some were
     */
    public static Result evaluate(
            Transformer model,
            Transformer reference,
            int beginning,
            int[] tokens,
            int context,
            Workers workers,
            IntConsumer progress) {
        requirePossible(model, reference, tokens, context);
        double[] losses = new double[tokens.length];
        double[] divergences = reference == null ? null : new double[tokens.length];
        boolean[] agree = new boolean[tokens.length];
        try (Workspace space = new Workspace();
                Workspace referenceSpace = new Workspace()) {
            int stride = rowsAtOnce(context);
            for (int from = 0; from < tokens.length; from += stride) {
                int to = Math.min(tokens.length, from + stride);
                TokenBatch batch = TokenBatch.windows(beginning, tokens, from, to, context - 1);
                FloatMatrix normed = model.hidden(batch, space, workers);
                FloatMatrix other = reference == null ? null : reference.hidden(batch, referenceSpace, workers);
                score(model, reference, normed, other, tokens, from, losses, divergences, agree, space, workers);
                Optional<Overflow> overflow = overflow(losses, divergences, from, to);
                if (overflow.isPresent()) {
                    return failed(tokens.length, reference != null, overflow);
                }
                progress.accept(to - from);
            }
        }
        return summary(losses, divergences, agree);
    }

    private static Optional<Overflow> overflow(double[] losses, double[] divergences, int from, int to) {
        for (int token = from; token < to; token++) {
            boolean isFinite = Double.isFinite(losses[token]);
            if (!isFinite || divergences != null && !Double.isFinite(divergences[token])) {
                return Optional.of(new Overflow(token, isFinite));
            }
        }
        return Optional.empty();
    }

    private static Result failed(int tokens, boolean compared, Optional<Overflow> overflow) {
        double nan = Double.NaN;
        return new Result(tokens, nan, nan, nan, compared ? new Comparison(nan, nan, nan, nan) : null, overflow);
    }

    private static void requirePossible(Transformer model, Transformer reference, int[] tokens, int context) {
        if (tokens.length == 0) {
            throw InvalidRequestException.impossible("the text has no tokens; at least one is needed");
        }
        int most = reference == null
                ? model.shape().context()
                : Math.min(model.shape().context(), reference.shape().context());
        if (context < 2 || context > most) {
            throw InvalidRequestException.impossible(
                    "a context of " + context + " tokens is not possible with this model; give 2 to " + most);
        }
        if (reference != null && reference.shape().vocabulary() != model.shape().vocabulary()) {
            throw InvalidRequestException.impossible("the reference has a vocabulary of "
                    + reference.shape().vocabulary() + " tokens, the model of "
                    + model.shape().vocabulary() + "; give the model that was compressed");
        }
    }

    private static void score(
            Transformer model,
            Transformer reference,
            FloatMatrix normed,
            FloatMatrix other,
            int[] tokens,
            int first,
            double[] losses,
            double[] divergences,
            boolean[] agree,
            Workspace space,
            Workers workers) {
        int vocabulary = model.shape().vocabulary();
        for (int from = 0; from < normed.rows(); from += Transformer.LOGIT_ROWS) {
            int count = Math.min(Transformer.LOGIT_ROWS, normed.rows() - from);
            int token = first + from;
            FloatMatrix logits = space.matrix("logits", count, vocabulary);
            model.logits(normed.rows(from, count), logits, workers);
            FloatMatrix expected = other == null ? null : space.matrix("reference", count, vocabulary);
            if (other != null) {
                reference.logits(other.rows(from, count), expected, workers);
            }
            Tokens.forEach(count, workers, (low, high) -> {
                FloatMatrix scratch = FloatMatrix.wrap(1, vocabulary, new float[vocabulary]);
                for (int t = low; t < high; t++) {
                    if (expected != null) {
                        agree[token + t] = mostProbable(logits, t) == mostProbable(expected, t);
                        divergences[token + t] = TeacherDivergence.divergence(expected, logits, t, scratch);
                    }
                    int target = tokens[token + t];
                    if (target < 0 || target >= vocabulary) {
                        throw InvalidRequestException.usage("token id " + target + " at position " + (token + t)
                                + " is not in the vocabulary; ids are 0 to " + (vocabulary - 1));
                    }
                    double score = Tokens.at(logits, t, target);
                    losses[token + t] = SoftmaxRow.of(logits, t).logSum() - score;
                }
            });
        }
    }

    /** The token with the largest logit in row {@code t} of rows x vocabulary, the lowest id on a tie. */
    public static int mostProbable(FloatMatrix logits, int t) {
        int best = 0;
        for (int i = 1; i < logits.columns(); i++) {
            if (Tokens.at(logits, t, i) > Tokens.at(logits, t, best)) {
                best = i;
            }
        }
        return best;
    }

    private static Result summary(double[] losses, double[] divergences, boolean[] agree) {
        double mean = mean(losses);
        double perplexity = StrictMath.exp(mean);
        Comparison comparison = null;
        if (divergences != null) {
            int same = 0;
            for (boolean yes : agree) {
                same += yes ? 1 : 0;
            }
            double[] sorted = divergences.clone();
            Arrays.sort(sorted);
            int rank = (int) (Math.ceilDiv(99L * sorted.length, 100L) - 1);
            comparison = new Comparison(
                    mean(divergences), standardError(divergences), sorted[rank], (double) same / agree.length);
        }
        return new Result(
                losses.length, mean, perplexity, perplexity * standardError(losses), comparison, Optional.empty());
    }

    private static double mean(double[] values) {
        return Tokens.inOrder(values) / values.length;
    }

    /** √(Σ (x - mean)² / (n - 1) / n), 0 for a single value. */
    private static double standardError(double[] values) {
        double mean = mean(values);
        double squares = 0;
        for (double value : values) {
            squares += (value - mean) * (value - mean);
        }
        int n = values.length;
        return n < 2 ? 0 : Math.sqrt(squares / (n - 1) / n);
    }
}
