package dev.lowbit.transformer.tuning;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.transformer.TokenBatch;
import java.util.Arrays;

/**
 * A text cut as {@link dev.lowbit.transformer.Evaluation} cuts it, into windows of context - 1 tokens behind the
 * beginning-of-sequence token. The last tenth of the windows, at least one, is held out: nothing is trained on it.
 */
final class TuningText {
    private static final int HELD_OUT_SHARE = 10;

    private final int beginning;
    private final int[] training;
    private final int[] heldOut;
    private final int length;

    /**
     * Cuts a text.
     *
     * @throws InvalidRequestException impossible when there are fewer than two windows
     */
    TuningText(int beginning, int[] tokens, int context) {
        this.beginning = beginning;
        this.length = context - 1;
        int windows = Math.ceilDiv(tokens.length, length);
        if (windows < 2) {
            throw InvalidRequestException.impossible("the text has " + tokens.length
                    + " tokens; to train on one window of " + length + " and to hold out another, at least "
                    + (length + 1) + " are needed: give more text or a smaller context");
        }
        int kept = (windows - Math.max(1, windows / HELD_OUT_SHARE)) * length;
        training = Arrays.copyOf(tokens, kept);
        heldOut = Arrays.copyOfRange(tokens, kept, tokens.length);
    }

    int[] heldOut() {
        return heldOut;
    }

    int trainingTokens() {
        return training.length;
    }

    /** Windows to train on; all have their full length. */
    int windows() {
        return training.length / length;
    }

    /** The windows of an epoch in the order in which they are read. */
    int[] order(long seed, int epoch) {
        RandomStream random = RandomStream.of(seed, "tune.order", Integer.toString(epoch));
        int[] order = new int[windows()];
        Arrays.setAll(order, i -> i);
        for (int i = order.length - 1; i > 0; i--) {
            int j = (int) (random.nextDouble() * (i + 1));
            int swap = order[i];
            order[i] = order[j];
            order[j] = swap;
        }
        return order;
    }

    TokenBatch batch(int[] windows) {
        int[][] sequences = new int[windows.length][length];
        for (int w = 0; w < windows.length; w++) {
            sequences[w][0] = beginning;
            System.arraycopy(training, windows[w] * length, sequences[w], 1, length - 1);
        }
        return TokenBatch.of(sequences);
    }

    /** What each row of {@link #batch} predicts. */
    int[] targets(int[] windows) {
        int[] targets = new int[windows.length * length];
        for (int w = 0; w < windows.length; w++) {
            System.arraycopy(training, windows[w] * length, targets, w * length, length);
        }
        return targets;
    }
}
