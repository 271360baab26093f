package dev.lowbit.transformer.calibration;

import dev.lowbit.kernel.Activations;
import dev.lowbit.kernel.Kernels;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.transformer.Linear;
import dev.lowbit.transformer.TokenBatch;
import java.lang.foreign.MemorySegment;

/** Sums over samples of one layer's squared gradients. Owns its memory but not that of the inputs. */
final class LayerSums implements AutoCloseable {
    /** Weights of a task. */
    private static final int BLOCK = 1 << 14;

    private final String name;
    private final FloatMatrix fisher;
    private final double[] outputs;
    private final InputSums inputs;
    private final boolean ownsInputs;

    LayerSums(Linear layer, InputSums inputs) {
        this.name = layer.name();
        this.fisher = FloatMatrix.allocate(layer.weight().rows(), layer.weight().columns());
        this.outputs = new double[fisher.rows()];
        this.inputs = inputs;
        this.ownsInputs = inputs.owner().equals(name);
    }

    /** Bytes of the squared gradients of a layer. */
    static long bytes(Linear layer) {
        return (long) layer.weight().rows() * layer.weight().columns() * Float.BYTES;
    }

    String name() {
        return name;
    }

    /**
     * Adds what one batch tells.
     *
     * @param x tokens x inputs; not modified
     * @param dy tokens x outputs; not modified
     * @param gradient scratch, outputs x inputs; modified
     */
    void add(TokenBatch batch, FloatMatrix x, FloatMatrix dy, FloatMatrix gradient, Workers workers) {
        if (ownsInputs) {
            inputs.add(x, workers);
        }
        Columns.forEach(dy, workers, (column, value) -> outputs[column] += value * value);
        for (int sample = 0; sample < batch.sequences(); sample++) {
            int from = batch.start(sample);
            int count = batch.length(sample);
            Gemm.multiply(dy.rows(from, count), true, x.rows(from, count), false, gradient, Gemm.Mode.SET, workers);
            addSquares(gradient.segment(), workers);
        }
    }

    private void addSquares(MemorySegment gradient, Workers workers) {
        int blocks = Math.toIntExact(Math.ceilDiv(fisher.size(), (long) BLOCK));
        workers.forEach(blocks, block -> {
            long at = (long) block * BLOCK;
            long length = Math.min(BLOCK, fisher.size() - at);
            Activations.get().multiply(gradient, at, gradient, at, gradient, at, length);
            Kernels.get().axpy(1, gradient, at, fisher.segment(), at, length);
        });
    }

    /** @param moments of the inputs */
    LayerStatistics statistics(LayerStatistics.Inputs moments) {
        float[] rounded = new float[outputs.length];
        for (int i = 0; i < rounded.length; i++) {
            rounded[i] = (float) outputs[i];
        }
        return new LayerStatistics(name, fisher, rounded, moments);
    }

    InputSums inputs() {
        return inputs;
    }

    @Override
    public void close() {
        fisher.close();
        if (ownsInputs) {
            inputs.close();
        }
    }
}
