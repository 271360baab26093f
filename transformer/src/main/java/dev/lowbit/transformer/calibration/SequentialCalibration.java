package dev.lowbit.transformer.calibration;

import dev.lowbit.kernel.Kernels;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.dense.FloatWeights;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.transformer.Linear;
import dev.lowbit.transformer.LinearObserver;
import dev.lowbit.transformer.ModelShape;
import dev.lowbit.transformer.TokenBatch;
import dev.lowbit.transformer.Transformer;
import dev.lowbit.transformer.Workspace;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongConsumer;
import java.util.function.Supplier;

/**
 * Calibration in the order of the forward pass: a layer is offered the moments of the inputs that it will see behind the compressed
 * forms of all layers before it, and of what these inputs lost; its own compressed form is then seen by the layers behind. Two
 * residual streams are kept for the whole text, that of the model and that of its compressed form, one block deep.
 *
 * <p>Sums over tokens run in the order of the text within batches of fixed size: the same bits for any {@link Workers}.
 */
public final class SequentialCalibration implements AutoCloseable {
    /** Forward passes of a block beside one for each set of layers that share inputs: of the model, and of its compressed form in the end. */
    private static final int PASSES = 2;

    private final Transformer model;
    private final CalibrationTokens tokens;
    private final List<List<List<Linear>>> blocks;
    private final Workers workers;
    private final Workspace space = new Workspace();
    private final List<FloatMatrix> expected = new ArrayList<>();
    private final List<FloatMatrix> actual = new ArrayList<>();
    private final Map<Linear, FloatMatrix> replaced = new LinkedHashMap<>();
    /** What the first layer of each set of a block sees in the model, batch by batch. */
    private final Map<Linear, List<FloatMatrix>> inputs = new HashMap<>();

    private SequentialCalibration(Transformer model, CalibrationTokens tokens, Workers workers) {
        tokens.require(model.shape());
        this.model = model;
        this.tokens = tokens;
        this.blocks = SharedInputs.ofBlocks(model, tokens.beginning(), workers);
        this.workers = workers;
    }

    /** Compresses the layers one after another. */
    @FunctionalInterface
    public interface Compression {
        /**
         * The weights that layers behind this one see from now on, outputs x inputs, closed by the calibration; empty when the layer
         * stays as it is.
         *
         * @param layer holds the weights of the model; not to be modified
         * @param inputs measured when asked for, the same object for layers with the same inputs; closed by the calibration
         */
        Optional<FloatMatrix> compressed(Linear layer, Supplier<ShiftedInputs> inputs);
    }

    /**
     * Bytes that {@link #run} needs beside the model, about: streams and inputs of the whole text, a forward pass, moments.
     *
     * @param tokens of the text
     * @param rows of the largest batch, {@link CalibrationTokens#batchRows}
     */
    public static long scratchBytes(ModelShape shape, int tokens, int rows) {
        long widest = Math.max(shape.hidden(), Math.max(shape.feedForward(), shape.queryWidth()));
        long inputs = 2L * shape.hidden() + shape.queryWidth() + shape.feedForward();
        return 2 * shape.streamBytes(tokens)
                + Float.BYTES * inputs * tokens
                + shape.forwardBytes(rows)
                + 3 * widest * widest * Double.BYTES;
    }

    /** Forward passes of a block over the text that {@link #run} makes. */
    public static long passes(Transformer model, CalibrationTokens tokens, Workers workers) {
        return SharedInputs.of(model, tokens.beginning(), workers).size()
                + (long) PASSES * model.shape().layers();
    }

    /**
     * Goes through all layers of the blocks.
     *
     * @param model in floats; its weights are exchanged meanwhile and put back
     * @param progress is told how many of {@link #passes} are done
     */
    public static void run(
            Transformer model,
            CalibrationTokens tokens,
            Compression compression,
            LongConsumer progress,
            Workers workers) {
        try (SequentialCalibration calibration = new SequentialCalibration(model, tokens, workers)) {
            calibration.run(compression, progress);
        }
    }

    private void run(Compression compression, LongConsumer progress) {
        for (int b = 0; b < tokens.batches(); b++) {
            TokenBatch batch = tokens.batch(b);
            FloatMatrix stream =
                    FloatMatrix.allocate(batch.tokens(), model.shape().hidden());
            expected.add(stream);
            actual.add(FloatMatrix.allocate(batch.tokens(), model.shape().hidden()));
            model.embed(batch, 0, stream, workers);
            actual.getLast().copyFrom(stream);
        }
        long done = 0;
        for (int block = 0; block < blocks.size(); block++) {
            advanceModel(block);
            progress.accept(++done);
            for (List<Linear> group : blocks.get(block)) {
                compress(block, group, compression);
                progress.accept(++done);
            }
            advanceCompressed(block);
            progress.accept(++done);
        }
    }

    /** Takes every batch of the model's stream through a block; keeps what its layers see. */
    private void advanceModel(int block) {
        blocks.get(block).forEach(group -> inputs.put(group.getFirst(), new ArrayList<>()));
        for (int b = 0; b < tokens.batches(); b++) {
            TokenBatch batch = tokens.batch(b);
            FloatMatrix next =
                    space.matrix("next", batch.tokens(), model.shape().hidden());
            LinearObserver keep = (layer, x) -> {
                if (inputs.containsKey(layer)) {
                    FloatMatrix kept = FloatMatrix.allocate(x.rows(), x.columns());
                    inputs.get(layer).add(kept);
                    kept.copyFrom(x);
                }
            };
            model.block(block, batch, expected.get(b), next, space, keep, workers);
            expected.get(b).copyFrom(next);
        }
    }

    /** Takes every batch of the compressed model's stream through a block; ends with the block. */
    private void advanceCompressed(int block) {
        for (int b = 0; b < tokens.batches(); b++) {
            FloatMatrix next = compressed(block, b, LinearObserver.NONE);
            actual.get(b).copyFrom(next);
        }
        clearBlock();
    }

    private void clearBlock() {
        inputs.values().forEach(kept -> kept.forEach(FloatMatrix::close));
        inputs.clear();
        replaced.values().forEach(FloatMatrix::close);
        replaced.clear();
    }

    private void compress(int block, List<Linear> group, Compression compression) {
        ShiftedInputs[] measured = new ShiftedInputs[1];
        Supplier<ShiftedInputs> moments = () -> {
            if (measured[0] == null) {
                measured[0] = measure(block, group.getFirst());
            }
            return measured[0];
        };
        Map<Linear, FloatMatrix> own = new LinkedHashMap<>();
        try {
            for (Linear layer : group) {
                compression.compressed(layer, moments).ifPresent(weights -> own.put(layer, weights));
            }
        } finally {
            if (measured[0] != null) {
                measured[0].close();
            }
            replaced.putAll(own);
        }
    }

    /** The moments of the inputs of a layer over the whole text. */
    private ShiftedInputs measure(int block, Linear wanted) {
        try (ShiftSums sums = new ShiftSums(wanted.weight().columns())) {
            for (int b = 0; b < tokens.batches(); b++) {
                FloatMatrix kept = inputs.get(wanted).get(b);
                compressed(block, b, (layer, x) -> {
                    if (layer == wanted) {
                        FloatMatrix shift = space.matrix("shift", x.rows(), x.columns());
                        Kernels.get().subtract(kept.segment(), 0, x.segment(), 0, shift.segment(), 0, x.size());
                        sums.add(x, shift, workers);
                    }
                });
            }
            return sums.moments(tokens.ids().length);
        }
    }

    /** What a block with the compressed layers so far makes of a batch of the compressed model's stream. */
    private FloatMatrix compressed(int block, int b, LinearObserver observer) {
        TokenBatch batch = tokens.batch(b);
        FloatMatrix next = space.matrix("next", batch.tokens(), model.shape().hidden());
        Map<Linear, QuantizedMatrix> before = new LinkedHashMap<>();
        try {
            replaced.forEach((layer, other) -> {
                before.put(layer, layer.weight());
                layer.replace(new FloatWeights(other));
            });
            model.block(block, batch, actual.get(b), next, space, observer, workers);
            return next;
        } finally {
            before.forEach(Linear::replace);
        }
    }

    @Override
    public void close() {
        expected.forEach(FloatMatrix::close);
        actual.forEach(FloatMatrix::close);
        clearBlock();
        space.close();
    }
}
