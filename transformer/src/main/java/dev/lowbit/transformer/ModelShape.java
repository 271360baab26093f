package dev.lowbit.transformer;

/**
 * The sizes of a decoder.
 *
 * @param hidden width of the residual stream
 * @param layers number of blocks
 * @param heads query heads
 * @param keyValueHeads key and value heads; divides {@code heads}
 * @param headDim width of a head, independent of {@code hidden}
 * @param feedForward inner width of the feed-forward layers
 * @param vocabulary number of token ids
 * @param context longest sequence
 */
public record ModelShape(
        int hidden,
        int layers,
        int heads,
        int keyValueHeads,
        int headDim,
        int feedForward,
        int vocabulary,
        int context) {
    public ModelShape {
        if (heads % keyValueHeads != 0) {
            throw new IllegalArgumentException(keyValueHeads + " key/value heads do not divide " + heads + " heads");
        }
    }

    /** Bytes of one residual stream over {@code rows} tokens. */
    public long streamBytes(long rows) {
        return Float.BYTES * rows * hidden;
    }

    /** Bytes of a forward pass over {@code rows} tokens at once, about: two streams, the activations of a block, some logits. */
    public long forwardBytes(long rows) {
        long row = 6L * hidden + 5L * feedForward + 4L * queryWidth() + 4L * keyValueWidth();
        return Float.BYTES * (row * rows + 2L * Transformer.LOGIT_ROWS * vocabulary);
    }

    /** Bytes of the keys and values of so many tokens. */
    public long cacheBytes(long tokens) {
        return 2L * Float.BYTES * layers * keyValueWidth() * tokens;
    }

    /** Columns of the queries: heads * headDim. */
    public int queryWidth() {
        return Math.multiplyExact(heads, headDim);
    }

    /** Columns of keys and of values: keyValueHeads * headDim. */
    public int keyValueWidth() {
        return Math.multiplyExact(keyValueHeads, headDim);
    }
}
