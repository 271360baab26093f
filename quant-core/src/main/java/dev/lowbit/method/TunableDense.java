package dev.lowbit.method;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.dense.FloatWeights;
import dev.lowbit.tensor.FloatMatrix;
import java.util.List;

/** Every weight is trained: the one part is the matrix, its gradient dyᵀ x. */
final class TunableDense implements Tunable {
    private final String format;
    private final TrainablePart weight;

    TunableDense(QuantizedMatrix matrix, Workers workers) {
        format = matrix.format();
        FloatMatrix values = FloatMatrix.allocate(matrix.rows(), matrix.columns());
        matrix.dequantize(0, values, workers);
        weight = TrainablePart.sizedLike("weight", values, values);
    }

    @Override
    public List<TrainablePart> parts() {
        return List.of(weight);
    }

    @Override
    public QuantizedMatrix matrix() {
        return new FloatWeights(weight.values());
    }

    @Override
    public void accumulate(FloatMatrix x, FloatMatrix dy, Workers workers) {
        Gemm.multiply(dy, true, x, false, weight.gradient(), Gemm.Mode.ADD, workers);
    }

    @Override
    public QuantizedMatrix stored(Workers workers) {
        return Encoding.encode(weight, format, workers);
    }

    @Override
    public void close() {
        weight.values().close();
        weight.gradient().close();
    }
}
