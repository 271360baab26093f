package dev.lowbit.transformer.text;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.transformer.KeyValueCache;
import dev.lowbit.transformer.Transformer;
import dev.lowbit.transformer.Workspace;
import java.util.Arrays;
import java.util.Set;
import java.util.function.IntConsumer;

/** Writes on where a prompt ends, token by token with a key/value cache. */
public final class Generation {
    private Generation() {}

    /** Why it stopped. */
    public enum Stop {
        /** The model ended the text. */
        END,
        /** As many tokens as asked for. */
        MAX_TOKENS,
        /** The model can read no further token. */
        CONTEXT
    }

    /**
     * What was written.
     *
     * @param tokens new tokens, the end not among them
     */
    public record Result(int[] tokens, Stop stop) {}

    /**
     * Generates.
     *
     * @param prompt ids, the beginning-of-sequence token first; at least one
     * @param maxTokens most new tokens, at least 1
     * @param ends tokens behind which the text is complete
     * @param sink told each new token at once, the end not among them
     * @throws InvalidRequestException for a prompt beyond the context or an id out of range; impossible when the model predicts what is no
     *     finite number
     */
    public static Result run(
            Transformer model,
            int[] prompt,
            int maxTokens,
            Set<Integer> ends,
            TokenChoice choice,
            IntConsumer sink,
            Workers workers) {
        int context = model.shape().context();
        if (prompt.length > context) {
            throw InvalidRequestException.impossible("the prompt has " + prompt.length
                    + " tokens, its beginning included; the model's context is " + context + ", give a shorter one");
        }
        int[] tokens = new int[Math.min(maxTokens, context - prompt.length + 1)];
        int count = 0;
        try (KeyValueCache cache = model.cache(Math.min(context, prompt.length + tokens.length));
                Workspace space = new Workspace();
                FloatMatrix logits = FloatMatrix.allocate(1, model.shape().vocabulary())) {
            int[] next = prompt;
            while (count < tokens.length) {
                model.decode(next, cache, logits, space, workers);
                requireFinite(logits, prompt.length + count);
                int token = choice.choose(logits);
                if (ends.contains(token)) {
                    return new Result(Arrays.copyOf(tokens, count), Stop.END);
                }
                tokens[count++] = token;
                sink.accept(token);
                next = new int[] {token};
            }
        }
        return new Result(tokens, count == maxTokens ? Stop.MAX_TOKENS : Stop.CONTEXT);
    }

    private static void requireFinite(FloatMatrix logits, int read) {
        for (int id = 0; id < logits.columns(); id++) {
            if (!Float.isFinite(logits.get(0, id))) {
                throw InvalidRequestException.impossible(
                        "behind " + read + " tokens the logit of token id " + id + " is " + logits.get(0, id)
                                + "; the model's activations overflow, check it with lowbit verify or give another");
            }
        }
    }
}
