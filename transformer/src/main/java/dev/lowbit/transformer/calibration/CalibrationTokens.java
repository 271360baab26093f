package dev.lowbit.transformer.calibration;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.transformer.ModelShape;
import dev.lowbit.transformer.TokenBatch;
import java.util.Arrays;

/**
 * A text to calibrate with, cut as {@link dev.lowbit.transformer.Evaluation} cuts it: windows of context - 1 tokens, each read on its
 * own behind the beginning-of-sequence token, every token predicted once. One window is one sample.
 *
 * @param beginning id of the beginning-of-sequence token
 * @param ids the text without it, at least one token; not modified
 * @param context tokens that a window occupies, at least 2
 */
public record CalibrationTokens(int beginning, int[] ids, int context) {
    /** Tokens read together; part of the definition of every sum over tokens. */
    public static final int BATCH_TOKENS = 2048;

    public CalibrationTokens {
        if (ids.length == 0) {
            throw InvalidRequestException.impossible("the calibration text has no tokens; at least one is needed");
        }
        if (context < 2) {
            throw InvalidRequestException.impossible(
                    "a context of " + context + " tokens leaves nothing to predict; give 2 or more");
        }
    }

    /** Checks that a model can read this. */
    void require(ModelShape shape) {
        if (context > shape.context()) {
            throw InvalidRequestException.impossible("a context of " + context
                    + " tokens is not possible with this model; give 2 to " + shape.context());
        }
        for (int t = 0; t < ids.length; t++) {
            if (ids[t] < 0 || ids[t] >= shape.vocabulary()) {
                throw InvalidRequestException.usage("token id " + ids[t] + " at position " + t
                        + " is not in the vocabulary; ids are 0 to " + (shape.vocabulary() - 1));
            }
        }
    }

    /** Samples. */
    public int windows() {
        return Math.ceilDiv(ids.length, context - 1);
    }

    /** How many different ids occur. */
    public int distinct() {
        return (int) Arrays.stream(ids).distinct().count();
    }

    /** The windows read together as batch {@code index}. */
    TokenBatch batch(int index) {
        return TokenBatch.windows(beginning, ids, start(index), start(index + 1), context - 1);
    }

    /** What each row of {@link #batch} predicts. */
    int[] targets(int index) {
        return Arrays.copyOfRange(ids, start(index), start(index + 1));
    }

    int batches() {
        return Math.ceilDiv(ids.length, batchTokens());
    }

    /** Rows of the largest batch. */
    public int batchRows() {
        return Math.min(ids.length, batchTokens());
    }

    private int start(int batch) {
        return (int) Math.min(ids.length, (long) batch * batchTokens());
    }

    private int batchTokens() {
        return Math.max(1, BATCH_TOKENS / context) * (context - 1);
    }

    /** Whole windows, evenly spaced over the text, of at most {@code most} tokens together (but at least one window). */
    public CalibrationTokens spread(int most) {
        int length = context - 1;
        int whole = ids.length / length;
        int wanted = Math.max(1, most / length);
        if (whole <= wanted) {
            return this;
        }
        int[] some = new int[wanted * length];
        for (int w = 0; w < wanted; w++) {
            System.arraycopy(ids, (int) ((long) w * whole / wanted) * length, some, w * length, length);
        }
        return new CalibrationTokens(beginning, some, context);
    }
}
