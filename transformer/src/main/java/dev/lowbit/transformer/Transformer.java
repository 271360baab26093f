package dev.lowbit.transformer;

import dev.lowbit.device.Device;
import dev.lowbit.device.DeviceMatrix;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.Accuracy;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.WarmUp;
import dev.lowbit.matrix.dense.FloatWeights;
import dev.lowbit.tensor.FloatMatrix;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/**
 * A decoder: token embedding (plus learned positions), blocks, final norm, output head. It never asks how a weight is
 * represented. All results have the same bits for any {@link Workers} and SIMD width, given the same batches.
 *
 * <p>Closing it frees its float weights and what was placed on a device; matrices of a compressed model live as long as that model. Reading is safe from
 * several threads, each with a {@link Workspace} of its own.
 */
public final class Transformer implements AutoCloseable {
    /** Rows whose logits are in memory at once during a loss; part of the definition of the head's gradient. */
    public static final int LOGIT_ROWS = 256;

    private final ModelShape shape;
    private final Linear embedding;
    private final String positionsName;
    private final FloatMatrix positions;
    private final List<Block> blocks;
    private final Norm finalNorm;
    private final Linear head;
    private final AutoCloseable memory;
    private final List<DeviceMatrix> placed = new ArrayList<>();

    /**
     * Puts a model together.
     *
     * @param embedding vocabulary x hidden; only its rows are used
     * @param positionsName tensor name of the learned positions; null without
     * @param positions context x hidden; null without
     * @param head vocabulary x hidden; the embedding itself when tied
     * @param memory what {@link #close()} closes
     */
    Transformer(
            ModelShape shape,
            Linear embedding,
            String positionsName,
            FloatMatrix positions,
            List<Block> blocks,
            Norm finalNorm,
            Linear head,
            AutoCloseable memory) {
        this.shape = shape;
        this.embedding = embedding;
        this.positionsName = positionsName;
        this.positions = positions;
        this.blocks = List.copyOf(blocks);
        this.finalNorm = finalNorm;
        this.head = head;
        this.memory = memory;
    }

    public ModelShape shape() {
        return shape;
    }

    /** The linear layers of the blocks in the order of the forward pass; neither embedding nor head. */
    public List<Linear> linears() {
        List<Linear> all = new ArrayList<>();
        blocks.forEach(block -> block.linears(all::add));
        return all;
    }

    /** The output head; when tied, the same object as {@link #embedding()}. */
    public Linear head() {
        return head;
    }

    /** The token embedding, vocabulary x hidden. */
    public Linear embedding() {
        return embedding;
    }

    /**
     * Gives every weight the form in memory that its products like best. To be called once, when nothing else uses the model; it can only be run afterwards, not tuned.
     *
     * @param workers that prepare; as many threads should multiply later
     */
    public void prepare(Accuracy accuracy, Workers workers) {
        for (Linear linear : linears()) {
            linear.replace(linear.weight().prepare(accuracy, workers));
        }
        head.replace(head.weight().prepare(accuracy, workers));
    }

    /**
     * Runs the products of one token until the JVM has compiled them, some tenths of a second for each format, so that the first token is written as fast as the others ({@link WarmUp}).
     *
     * @param workers that will run the model
     */
    public void warmUp(Workers workers) {
        Set<List<Object>> warm = new HashSet<>();
        Stream.concat(linears().stream(), Stream.of(head))
                .map(Linear::weight)
                .filter(weight -> warm.add(List.of(weight.getClass(), weight.format(), weight.accuracy())))
                .forEach(weight -> WarmUp.products(weight, workers));
    }

    /**
     * Copies the weights of the linear layers and of the head to a device, whose products are those of this model from then on; the rest of the forward pass stays on the CPU. To be called once, when
     * nothing else uses the model; it can only be run afterwards, not tuned. Closing the model frees them.
     *
     * @param device must outlive this model
     * @throws dev.lowbit.error.DeviceException when the device cannot hold or multiply them; the model is then as before
     */
    public void place(Device device) {
        List<Linear> all = linears();
        all.add(head);
        try {
            for (Linear linear : all) {
                placed.add(device.place(linear.weight()));
            }
        } catch (RuntimeException e) {
            free();
            throw e;
        }
        for (int i = 0; i < all.size(); i++) {
            all.get(i).replace(placed.get(i));
        }
    }

    private void free() {
        placed.forEach(DeviceMatrix::close);
        placed.clear();
    }

    /** Every parameter held as plain floats, by tensor name: live memory that an optimizer may change. */
    public Map<String, FloatMatrix> floatParameters() {
        Map<String, FloatMatrix> all = new LinkedHashMap<>();
        addWeight(embedding, all);
        if (positions != null) {
            all.put(positionsName, positions);
        }
        for (Block block : blocks) {
            block.norms(norm -> addNorm(norm, all));
            block.linears(linear -> addWeight(linear, all));
        }
        addNorm(finalNorm, all);
        addWeight(head, all);
        return all;
    }

    private static void addWeight(Linear linear, Map<String, FloatMatrix> all) {
        if (linear.weight() instanceof FloatWeights floats) {
            all.put(linear.name(), floats.values());
        }
        if (linear.bias() != null) {
            all.put(linear.biasName(), linear.bias());
        }
    }

    private static void addNorm(Norm norm, Map<String, FloatMatrix> all) {
        all.put(norm.name(), norm.weight());
        if (norm.bias() != null) {
            all.put(norm.biasName(), norm.bias());
        }
    }

    /** tokens x hidden: the residual stream before the first block (overwrites {@code x}). */
    public void embed(TokenBatch batch, int past, FloatMatrix x, Workers workers) {
        batch.require(shape, past);
        int[] at = batch.positions(past);
        QuantizedMatrix table = embedding.weight();
        for (int t = 0; t < batch.tokens(); t++) {
            table.dequantize(batch.id(t), x.rows(t, 1), Workers.serial());
        }
        if (positions != null) {
            Tokens.forEach(batch.tokens(), workers, (from, to) -> {
                for (int t = from; t < to; t++) {
                    Tokens.add(positions.rows(at[t], 1), x.rows(t, 1), Workers.serial());
                }
            });
        }
    }

    /** One block: {@code out} (overwritten) from {@code x}, both tokens x hidden. */
    public void block(
            int layer,
            TokenBatch batch,
            FloatMatrix x,
            FloatMatrix out,
            Workspace space,
            LinearObserver observer,
            Workers workers) {
        blocks.get(layer).forward(batch, x, out, space, observer, workers);
    }

    /** The final norm: {@code out} (overwritten) from {@code x}, both tokens x hidden. */
    public void finalNorm(FloatMatrix x, FloatMatrix out, Workers workers) {
        finalNorm.forward(x, out, workers);
    }

    /** Logits (overwritten, tokens x vocabulary) of normed rows. */
    public void logits(FloatMatrix normed, FloatMatrix logits, Workers workers) {
        head.forward(normed, logits, LinearObserver.NONE, workers);
    }

    /**
     * The residual stream of whole sequences: element 0 the embeddings, element l the output of block l - 1.
     *
     * @return views of the workspace, valid until its next use
     * @throws InvalidRequestException for a token id out of range or a sequence beyond the context
     */
    public List<FloatMatrix> forward(TokenBatch batch, Workspace space, LinearObserver observer, Workers workers) {
        List<FloatMatrix> stream = new ArrayList<>();
        for (int layer = 0; layer <= shape.layers(); layer++) {
            stream.add(space.matrix("stream" + layer, batch.tokens(), shape.hidden()));
        }
        embed(batch, 0, stream.getFirst(), workers);
        for (int layer = 0; layer < shape.layers(); layer++) {
            block(layer, batch, stream.get(layer), stream.get(layer + 1), space, observer, workers);
        }
        return stream;
    }

    /** As {@link #forward}, but keeping two layers only; the result is the final norm's output. */
    public FloatMatrix hidden(TokenBatch batch, Workspace space, Workers workers) {
        FloatMatrix x = space.matrix("even", batch.tokens(), shape.hidden());
        FloatMatrix next = space.matrix("odd", batch.tokens(), shape.hidden());
        embed(batch, 0, x, workers);
        for (Block block : blocks) {
            block.forward(batch, x, next, space, LinearObserver.NONE, workers);
            FloatMatrix swap = x;
            x = next;
            next = swap;
        }
        finalNorm.forward(x, next, workers);
        return next;
    }

    /** A cache for a sequence of up to {@code capacity} tokens. */
    public KeyValueCache cache(int capacity) {
        if (capacity < 1 || capacity > shape.context()) {
            throw InvalidRequestException.impossible("a cache of " + capacity
                    + " tokens does not fit the model's context of " + shape.context() + "; ask for 1 to that many");
        }
        return new KeyValueCache(shape, capacity);
    }

    /**
     * Reads on: one or more new tokens of the sequence in {@code cache}, which takes them.
     *
     * @param logits 1 x vocabulary; modified (overwritten): those behind the last new token
     * @throws InvalidRequestException for a token id out of range or when the cache or the context is full
     */
    public void decode(int[] tokens, KeyValueCache cache, FloatMatrix logits, Workspace space, Workers workers) {
        TokenBatch batch = TokenBatch.of(tokens);
        if (cache.length() + tokens.length > cache.capacity()) {
            throw InvalidRequestException.impossible("the cache holds " + cache.length() + " of " + cache.capacity()
                    + " tokens, " + tokens.length + " more do not fit; make a larger one");
        }
        FloatMatrix x = space.matrix("even", tokens.length, shape.hidden());
        FloatMatrix next = space.matrix("odd", tokens.length, shape.hidden());
        embed(batch, cache.length(), x, workers);
        for (int layer = 0; layer < blocks.size(); layer++) {
            blocks.get(layer).forward(batch, layer, cache, x, next, space, workers);
            FloatMatrix swap = x;
            x = next;
            next = swap;
        }
        cache.advance(tokens.length);
        FloatMatrix last = space.matrix("last", 1, shape.hidden());
        finalNorm.forward(x.rows(tokens.length - 1, 1), last, workers);
        logits(last, logits, workers);
    }

    /** The loss of a batch without gradients. */
    public double loss(TokenBatch batch, TokenLoss loss, Workspace space, Workers workers) {
        FloatMatrix normed = hidden(batch, space, workers);
        double sum = 0;
        for (int from = 0; from < batch.tokens(); from += LOGIT_ROWS) {
            int count = Math.min(LOGIT_ROWS, batch.tokens() - from);
            FloatMatrix logits = space.matrix("logits", count, shape.vocabulary());
            logits(normed.rows(from, count), logits, workers);
            sum += loss.apply(from, logits, workers);
        }
        return sum;
    }

    /**
     * The loss of a batch; its gradients go to {@code sink}. Keeps the input of every block and runs each again on the way back.
     */
    public double backward(TokenBatch batch, TokenLoss loss, GradientSink sink, Workspace space, Workers workers) {
        List<FloatMatrix> stream = forward(batch, space, LinearObserver.NONE, workers);
        int tokens = batch.tokens();
        FloatMatrix normed = space.matrix("normed", tokens, shape.hidden());
        FloatMatrix dNormed = space.matrix("final.d", tokens, shape.hidden());
        finalNorm.forward(stream.getLast(), normed, workers);
        double sum = 0;
        for (int from = 0; from < tokens; from += LOGIT_ROWS) {
            int count = Math.min(LOGIT_ROWS, tokens - from);
            FloatMatrix logits = space.matrix("logits", count, shape.vocabulary());
            logits(normed.rows(from, count), logits, workers);
            sum += loss.apply(from, logits, workers);
            head.backward(normed.rows(from, count), logits, dNormed.rows(from, count), sink, workers);
        }
        FloatMatrix d = space.matrix("d", tokens, shape.hidden());
        d.segment().fill((byte) 0);
        finalNorm.backward(stream.getLast(), dNormed, d, sink, workers);
        for (int layer = shape.layers() - 1; layer >= 0; layer--) {
            blocks.get(layer).backward(batch, stream.get(layer), d, space, sink, workers);
        }
        if (sink.wants(embedding.name())) {
            sink.rows(GradientSink.Table.TOKENS, embedding.name(), batch.ids(), d);
        }
        if (positions != null && sink.wants(positionsName)) {
            sink.rows(GradientSink.Table.POSITIONS, positionsName, batch.positions(0), d);
        }
        return sum;
    }

    @Override
    public void close() {
        free();
        try {
            memory.close();
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }
}
