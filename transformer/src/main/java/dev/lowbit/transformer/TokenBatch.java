package dev.lowbit.transformer;

import dev.lowbit.error.InvalidRequestException;

/** Sequences of token ids laid end to end: token t of sequence s is row {@code start(s) + t} of every activation matrix. */
public final class TokenBatch {
    private final int[] ids;
    private final int[] starts;

    private TokenBatch(int[] ids, int[] starts) {
        this.ids = ids;
        this.starts = starts;
    }

    /**
     * A batch of at least one sequence, copied.
     *
     * @throws InvalidRequestException when there is no sequence or one is empty
     */
    public static TokenBatch of(int[]... sequences) {
        int[] starts = new int[sequences.length + 1];
        for (int s = 0; s < sequences.length; s++) {
            if (sequences[s].length == 0) {
                throw InvalidRequestException.impossible("sequence " + s + " is empty; at least one token is needed");
            }
            starts[s + 1] = Math.addExact(starts[s], sequences[s].length);
        }
        if (sequences.length == 0) {
            throw InvalidRequestException.impossible("there are no tokens; at least one sequence is needed");
        }
        int[] ids = new int[starts[sequences.length]];
        for (int s = 0; s < sequences.length; s++) {
            System.arraycopy(sequences[s], 0, ids, starts[s], sequences[s].length);
        }
        return new TokenBatch(ids, starts);
    }

    /**
     * The tokens {@code from} to {@code to - 1} of a text in windows, each read on its own behind the beginning-of-sequence
     * token; the last token of a window is only predicted. Row r of the batch predicts token from + r.
     *
     * @param tokens not modified
     * @param length tokens of a window; the last may be shorter
     */
    public static TokenBatch windows(int beginning, int[] tokens, int from, int to, int length) {
        int[][] sequences = new int[Math.ceilDiv(to - from, length)][];
        for (int w = 0; w < sequences.length; w++) {
            int start = from + w * length;
            int count = Math.min(length, to - start);
            sequences[w] = new int[count];
            sequences[w][0] = beginning;
            System.arraycopy(tokens, start, sequences[w], 1, count - 1);
        }
        return of(sequences);
    }

    /** Rows of the activation matrices. */
    public int tokens() {
        return ids.length;
    }

    public int sequences() {
        return starts.length - 1;
    }

    /** First row of a sequence. */
    public int start(int sequence) {
        return starts[sequence];
    }

    public int length(int sequence) {
        return starts[sequence + 1] - starts[sequence];
    }

    /** The token id of a row. */
    public int id(int row) {
        return ids[row];
    }

    /** Each row's position in its sequence, counted from {@code past}. */
    int[] positions(int past) {
        int[] positions = new int[ids.length];
        for (int s = 0; s < sequences(); s++) {
            for (int t = 0; t < length(s); t++) {
                positions[start(s) + t] = past + t;
            }
        }
        return positions;
    }

    /** All ids, row by row. */
    public int[] ids() {
        return ids.clone();
    }

    /**
     * Checks that a model can read this batch.
     *
     * @throws InvalidRequestException usage for an id out of range, impossible for a sequence beyond the context
     */
    void require(ModelShape shape, int past) {
        for (int row = 0; row < ids.length; row++) {
            if (ids[row] < 0 || ids[row] >= shape.vocabulary()) {
                throw InvalidRequestException.usage("token id " + ids[row] + " at position " + row
                        + " is not in the vocabulary; ids are 0 to " + (shape.vocabulary() - 1));
            }
        }
        for (int s = 0; s < sequences(); s++) {
            if (past + length(s) > shape.context()) {
                throw InvalidRequestException.impossible("a sequence of " + (past + length(s))
                        + " tokens exceeds the model's context of " + shape.context() + "; give a shorter one");
            }
        }
    }
}
