package dev.lowbit.transformer.calibration;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.transformer.CrossEntropy;
import dev.lowbit.transformer.Linear;
import dev.lowbit.transformer.ModelShape;
import dev.lowbit.transformer.TokenBatch;
import dev.lowbit.transformer.Transformer;
import dev.lowbit.transformer.Workspace;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.LongConsumer;

/**
 * Statistics of a model's linear layers over a text: forward and backward over every window. When the sums of all layers do not fit
 * the memory allowed, the text is read several times, for some layers each time; that changes no bit.
 *
 * <p>Sums over tokens run in the order of the text within batches of fixed size; so the same text and context give the same bits for
 * any {@link Workers} and SIMD width.
 */
public final class Statistics {
    private final Transformer model;
    private final CalibrationTokens tokens;
    private final List<List<Linear>> groups;

    /**
     * Prepares; nothing is read yet.
     *
     * @param model in floats; not modified
     * @throws InvalidRequestException for a token id out of range or a context beyond the model's
     */
    public Statistics(Transformer model, CalibrationTokens tokens, Workers workers) {
        tokens.require(model.shape());
        this.model = model;
        this.tokens = tokens;
        this.groups = SharedInputs.of(model, tokens.beginning(), workers);
    }

    /** All layers in the order of the forward pass, those with the same inputs together. */
    public List<List<Linear>> groups() {
        return groups;
    }

    /** Bytes that the sums of every layer need at once. */
    public long bytes() {
        return groups.stream().mapToLong(StatisticsPass::bytes).sum();
    }

    /** Bytes that are needed at least: the sums of the layers that share their inputs. */
    public long leastBytes() {
        return groups.stream().mapToLong(StatisticsPass::bytes).max().orElseThrow();
    }

    /**
     * Bytes that {@link #collect} and {@link Divergence} need beside the model and the sums, about: the streams between all blocks, some
     * twenty activation matrices of one block, logits, and the gradient of the largest matrix.
     */
    public long scratchBytes() {
        long largest = groups.stream()
                .flatMap(List::stream)
                .mapToLong(LayerSums::bytes)
                .max()
                .orElseThrow();
        return activationBytes(model.shape(), tokens.batchRows()) + 2 * largest;
    }

    private static long activationBytes(ModelShape shape, long rows) {
        long row = (shape.layers() + 14L) * shape.hidden()
                + 8L * shape.feedForward()
                + 4L * shape.queryWidth()
                + 4L * shape.keyValueWidth();
        long logits = 2L * Transformer.LOGIT_ROWS * shape.vocabulary();
        return Float.BYTES * (row * rows + logits);
    }

    /**
     * {@link #scratchBytes} and {@link #leastBytes} of a model that is not loaded, from above.
     *
     * @param rows tokens read together
     */
    public static long needBytes(ModelShape shape, long rows) {
        long hidden = shape.hidden();
        long inner = shape.feedForward();
        long queries = shape.queryWidth();
        long attention = queries + 2L * shape.keyValueWidth();
        long largest = Float.BYTES * hidden * Math.max(inner, attention);
        long sums = Math.max(
                groupBytes(hidden, Math.max(2 * inner, attention)),
                Math.max(groupBytes(inner, hidden), groupBytes(queries, hidden)));
        return activationBytes(shape, rows) + 2 * largest + sums;
    }

    /** Sums of layers with the same inputs, which have so many outputs together. */
    private static long groupBytes(long inputs, long outputs) {
        return Double.BYTES * inputs * inputs + Float.BYTES * inputs * outputs;
    }

    /** How often the text is read when the sums may take that many bytes. */
    public int passes(long bytes) {
        return cut(bytes).size();
    }

    private List<List<List<Linear>>> cut(long most) {
        List<List<List<Linear>>> passes = new ArrayList<>();
        long used = most;
        for (List<Linear> group : groups) {
            long bytes = StatisticsPass.bytes(group);
            if (passes.isEmpty() || used > most - bytes) {
                passes.add(new ArrayList<>());
                used = 0;
            }
            passes.getLast().add(group);
            used += bytes;
        }
        return passes;
    }

    /**
     * Reads the text.
     *
     * @param bytes most bytes of the sums at once; at least one group of layers is held whatever it says
     * @param out takes every layer in the order of the forward pass; its memory is valid during the call
     * @param progress is told how many tokens were read, over all {@link #passes}
     * @throws InvalidRequestException (impossible) when the loss of the model on this text is no number
     */
    public void collect(long bytes, Consumer<LayerStatistics> out, LongConsumer progress, Workers workers) {
        long read = 0;
        try (Workspace space = new Workspace()) {
            for (List<List<Linear>> some : cut(bytes)) {
                try (StatisticsPass pass = new StatisticsPass(some)) {
                    for (int b = 0; b < tokens.batches(); b++) {
                        TokenBatch batch = tokens.batch(b);
                        pass.begin(batch);
                        double loss =
                                model.backward(batch, new CrossEntropy(tokens.targets(b), 1), pass, space, workers);
                        requireFinite(loss, b);
                        read += batch.tokens();
                        progress.accept(read);
                    }
                    pass.finish(tokens.ids().length, out);
                }
            }
        }
    }

    private static void requireFinite(double loss, int batch) {
        if (!Double.isFinite(loss)) {
            throw InvalidRequestException.impossible("the model's loss on the calibration text is " + loss
                    + " in batch " + batch + "; its weights overflow, calibrate with another text or check the model");
        }
    }
}
