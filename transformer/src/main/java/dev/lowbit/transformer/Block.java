package dev.lowbit.transformer;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.util.List;
import java.util.function.Consumer;

/** A pre-norm decoder block: x + attention(norm x), then x + feedForward(norm x). */
final class Block {
    private final ModelShape shape;
    private final Norm attentionNorm;
    private final Projections projections;
    private final Rotary rotary;
    private final CausalAttention attention;
    private final Linear output;
    private final Norm feedForwardNorm;
    private final FeedForward feedForward;

    /** A block; {@code rotary} is null where positions are learned. */
    Block(
            ModelShape shape,
            Norm attentionNorm,
            Projections projections,
            Rotary rotary,
            CausalAttention attention,
            Linear output,
            Norm feedForwardNorm,
            FeedForward feedForward) {
        this.shape = shape;
        this.attentionNorm = attentionNorm;
        this.projections = projections;
        this.rotary = rotary;
        this.attention = attention;
        this.output = output;
        this.feedForwardNorm = feedForwardNorm;
        this.feedForward = feedForward;
    }

    void linears(Consumer<Linear> visitor) {
        projections.layers().forEach(visitor);
        visitor.accept(output);
        feedForward.linears(visitor);
    }

    void norms(Consumer<Norm> visitor) {
        visitor.accept(attentionNorm);
        visitor.accept(feedForwardNorm);
    }

    /** {@code out} (overwritten) from the residual stream {@code x}; leaves in the workspace what backward needs. */
    void forward(
            TokenBatch batch,
            FloatMatrix x,
            FloatMatrix out,
            Workspace space,
            LinearObserver observer,
            Workers workers) {
        int tokens = x.rows();
        FloatMatrix q = space.matrix("q", tokens, shape.queryWidth());
        FloatMatrix k = space.matrix("k", tokens, shape.keyValueWidth());
        FloatMatrix v = space.matrix("v", tokens, shape.keyValueWidth());
        FloatMatrix mixed = space.matrix("mixed", tokens, shape.queryWidth());
        project(x, q, k, v, space, observer, workers);
        turn(batch, q, k, 0, 1, workers);
        attention.forward(batch, q, k, v, mixed, workers);
        finish(x, mixed, out, space, observer, workers);
    }

    /** The same for new tokens of one sequence behind those of {@code cache}, which takes their keys and values. */
    void forward(
            TokenBatch batch,
            int layer,
            KeyValueCache cache,
            FloatMatrix x,
            FloatMatrix out,
            Workspace space,
            Workers workers) {
        int tokens = x.rows();
        int past = cache.length();
        FloatMatrix q = space.matrix("q", tokens, shape.queryWidth());
        FloatMatrix k = cache.keys(layer).rows(past, tokens);
        FloatMatrix v = cache.values(layer).rows(past, tokens);
        FloatMatrix mixed = space.matrix("mixed", tokens, shape.queryWidth());
        project(x, q, k, v, space, LinearObserver.NONE, workers);
        turn(batch, q, k, past, 1, workers);
        workers.forEach(
                shape.heads(),
                head -> attention.forward(q, cache.keys(layer), cache.values(layer), mixed, 0, tokens, 0, past, head));
        finish(x, mixed, out, space, LinearObserver.NONE, workers);
    }

    private void project(
            FloatMatrix x,
            FloatMatrix q,
            FloatMatrix k,
            FloatMatrix v,
            Workspace space,
            LinearObserver observer,
            Workers workers) {
        FloatMatrix normed = space.matrix("normed1", x.rows(), shape.hidden());
        attentionNorm.forward(x, normed, workers);
        projections.forward(normed, List.of(q, k, v), space, observer, workers);
    }

    private void turn(TokenBatch batch, FloatMatrix q, FloatMatrix k, int past, float sign, Workers workers) {
        if (rotary == null) {
            return;
        }
        int[] positions = batch.positions(past);
        Tokens.forEach(q.rows(), workers, (from, to) -> {
            for (int t = from; t < to; t++) {
                rotary.turn(q, t, positions[t], sign);
                rotary.turn(k, t, positions[t], sign);
            }
        });
    }

    private void finish(
            FloatMatrix x,
            FloatMatrix mixed,
            FloatMatrix out,
            Workspace space,
            LinearObserver observer,
            Workers workers) {
        FloatMatrix middle = space.matrix("middle", x.rows(), shape.hidden());
        FloatMatrix normed = space.matrix("normed2", x.rows(), shape.hidden());
        output.forward(mixed, middle, observer, workers);
        Tokens.add(x, middle, workers);
        feedForwardNorm.forward(middle, normed, workers);
        feedForward.forward(normed, out, space, observer, workers);
        Tokens.add(middle, out, workers);
    }

    /**
     * Turns {@code d} (modified), the gradient of this block's output, into that of its input {@code x}. Runs the block again
     * first, so that only its input has to be kept.
     */
    void backward(TokenBatch batch, FloatMatrix x, FloatMatrix d, Workspace space, GradientSink sink, Workers workers) {
        int tokens = x.rows();
        forward(batch, x, space.matrix("again", tokens, shape.hidden()), space, LinearObserver.NONE, workers);
        FloatMatrix middle = space.matrix("middle", tokens, shape.hidden());
        FloatMatrix dNormed = space.matrix("dnormed", tokens, shape.hidden());
        feedForward.backward(space.matrix("normed2", tokens, shape.hidden()), d, dNormed, space, sink, workers);
        feedForwardNorm.backward(middle, dNormed, d, sink, workers);

        FloatMatrix q = space.matrix("q", tokens, shape.queryWidth());
        FloatMatrix k = space.matrix("k", tokens, shape.keyValueWidth());
        FloatMatrix v = space.matrix("v", tokens, shape.keyValueWidth());
        FloatMatrix dMixed = space.matrix("dmixed", tokens, shape.queryWidth());
        FloatMatrix dq = space.matrix("dq", tokens, shape.queryWidth());
        FloatMatrix dk = space.matrix("dk", tokens, shape.keyValueWidth());
        FloatMatrix dv = space.matrix("dv", tokens, shape.keyValueWidth());
        output.backward(space.matrix("mixed", tokens, shape.queryWidth()), d, dMixed, sink, workers);
        attention.backward(batch, q, k, v, dMixed, dq, dk, dv, workers);
        turn(batch, dq, dk, 0, -1, workers);
        projections.backward(
                space.matrix("normed1", tokens, shape.hidden()), List.of(dq, dk, dv), dNormed, space, sink, workers);
        attentionNorm.backward(x, dNormed, d, sink, workers);
    }
}
