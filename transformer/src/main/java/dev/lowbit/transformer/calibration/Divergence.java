package dev.lowbit.transformer.calibration;

import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.transformer.Linear;
import dev.lowbit.transformer.LinearObserver;
import dev.lowbit.transformer.ModelShape;
import dev.lowbit.transformer.TeacherDivergence;
import dev.lowbit.transformer.TokenBatch;
import dev.lowbit.transformer.Transformer;
import dev.lowbit.transformer.Workspace;
import java.util.HashMap;
import java.util.Map;
import java.util.function.IntFunction;
import java.util.function.LongConsumer;

/**
 * KL(model || the same model with some weights exchanged), mean over the tokens of a text in nats. The model is put back as it was.
 * Blocks in front of the first exchanged weight are not run again.
 */
public final class Divergence {
    private final Transformer model;
    private final Workers workers;
    private final Workspace space = new Workspace();
    private final Map<String, Integer> blocks = new HashMap<>();
    private final Map<String, Linear> layers = new HashMap<>();

    private Divergence(Transformer model, Workers workers) {
        this.model = model;
        this.workers = workers;
    }

    /**
     * Bytes that {@link #of} needs beside the model and a variant, about: the streams between all blocks, a forward pass, logits of both.
     *
     * @param rows of the largest batch, {@link CalibrationTokens#batchRows}
     */
    public static long scratchBytes(ModelShape shape, int rows) {
        return (shape.layers() + 3) * shape.streamBytes(rows) + 2 * shape.forwardBytes(rows);
    }

    /** How often each variant is asked for. */
    public static int batches(CalibrationTokens tokens) {
        return tokens.batches();
    }

    /**
     * Measures several variants on the same text.
     *
     * @param model not modified in the end
     * @param variant gives the weights to exchange by tensor name, asked for once per batch of tokens
     * @param progress is told how many variants of a batch are measured, over all batches
     * @return the mean divergence of every variant
     */
    public static double[] of(
            Transformer model,
            CalibrationTokens tokens,
            int variants,
            IntFunction<Map<String, QuantizedMatrix>> variant,
            LongConsumer progress,
            Workers workers) {
        tokens.require(model.shape());
        Divergence divergence = new Divergence(model, workers);
        double[] sums = new double[variants];
        try (divergence.space) {
            for (int b = 0; b < tokens.batches(); b++) {
                TokenBatch batch = tokens.batch(b);
                FloatMatrix reference = divergence.reference(batch);
                for (int v = 0; v < variants; v++) {
                    sums[v] += divergence.of(batch, reference, variant.apply(v));
                    progress.accept((long) b * variants + v + 1);
                }
            }
        }
        for (int v = 0; v < variants; v++) {
            sums[v] /= tokens.ids().length;
        }
        return sums;
    }

    private FloatMatrix stream(int layer, int tokens) {
        return space.matrix("stream" + layer, tokens, model.shape().hidden());
    }

    /** Keeps the input of every block; gives the final norm's output. */
    private FloatMatrix reference(TokenBatch batch) {
        int tokens = batch.tokens();
        model.embed(batch, 0, stream(0, tokens), workers);
        for (int l = 0; l < model.shape().layers(); l++) {
            int block = l;
            LinearObserver observer = (layer, x) -> {
                blocks.put(layer.name(), block);
                layers.put(layer.name(), layer);
            };
            model.block(l, batch, stream(l, tokens), stream(l + 1, tokens), space, observer, workers);
        }
        FloatMatrix normed = space.matrix("reference", tokens, model.shape().hidden());
        model.finalNorm(stream(model.shape().layers(), tokens), normed, workers);
        return normed;
    }

    private double of(TokenBatch batch, FloatMatrix reference, Map<String, QuantizedMatrix> exchanged) {
        Map<Linear, QuantizedMatrix> before = new HashMap<>();
        int first = model.shape().layers();
        try {
            for (Map.Entry<String, QuantizedMatrix> entry : exchanged.entrySet()) {
                Linear layer = layers.get(entry.getKey());
                if (layer == null) {
                    throw new IllegalArgumentException(entry.getKey() + " is no linear layer of a block");
                }
                before.put(layer, layer.weight());
                layer.replace(entry.getValue());
                first = Math.min(first, blocks.get(entry.getKey()));
            }
            return compare(batch, reference, first);
        } finally {
            before.forEach(Linear::replace);
        }
    }

    private double compare(TokenBatch batch, FloatMatrix reference, int first) {
        int tokens = batch.tokens();
        int hidden = model.shape().hidden();
        FloatMatrix x = stream(first, tokens);
        for (int l = first; l < model.shape().layers(); l++) {
            FloatMatrix next = space.matrix(l % 2 == 0 ? "even" : "odd", tokens, hidden);
            model.block(l, batch, x, next, space, LinearObserver.NONE, workers);
            x = next;
        }
        FloatMatrix normed = space.matrix("exchanged", tokens, hidden);
        model.finalNorm(x, normed, workers);
        int vocabulary = model.shape().vocabulary();
        double sum = 0;
        for (int from = 0; from < tokens; from += Transformer.LOGIT_ROWS) {
            int count = Math.min(Transformer.LOGIT_ROWS, tokens - from);
            FloatMatrix logits = space.matrix("logits", count, vocabulary);
            model.logits(normed.rows(from, count), logits, workers);
            FloatMatrix expected = space.matrix("expected", count, vocabulary);
            model.logits(reference.rows(from, count), expected, workers);
            sum += new TeacherDivergence((row, rows, w) -> expected, 1).apply(from, logits, workers);
        }
        return sum;
    }
}
