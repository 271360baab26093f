package dev.lowbit.method;

import dev.lowbit.kernel.Kernels;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.LiveCodes;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.FloatMatrix;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The codes are trained too: a dense target, which begins as Ŵ, is one more part with dL/dŴ as its gradient, and a {@link DiscreteStep} lets
 * the codes follow it. Its unit is the error that its bits leave, size · 2^-bits, because that is how far a weight has to go to the next code.
 */
final class TunableCodes implements Tunable {
    private final DenseGradient values;
    private final TrainablePart target;

    /** @param values everything but the codes; closed with this */
    TunableCodes(DenseGradient values, Workers workers) {
        this.values = values;
        LiveCodes matrix = values.matrix();
        FloatMatrix dense = FloatMatrix.allocate(matrix.rows(), matrix.columns());
        matrix.dequantize(0, dense, workers);
        double step = StrictMath.pow(2, -matrix.codeBitsPerWeight());
        target = TrainablePart.sizedLike("target", dense, dense).scaled(step);
    }

    @Override
    public List<TrainablePart> parts() {
        List<TrainablePart> parts = new ArrayList<>(values.parts());
        parts.add(target);
        return parts;
    }

    @Override
    public Optional<DiscretePart> discrete() {
        return Optional.of(new DiscretePart(values.matrix(), target));
    }

    @Override
    public QuantizedMatrix matrix() {
        return values.matrix();
    }

    DenseGradient values() {
        return values;
    }

    @Override
    public void accumulate(FloatMatrix x, FloatMatrix dy, Workers workers) {
        try (FloatMatrix dense = DenseGradient.of(x, dy, workers)) {
            values.accumulate(dense, workers);
            Kernels.get().axpy(1, dense.segment(), 0, target.gradient().segment(), 0, dense.size());
        }
    }

    @Override
    public QuantizedMatrix stored(Workers workers) {
        return values.stored(workers);
    }

    @Override
    public void close() {
        values.close();
        target.values().close();
        target.gradient().close();
    }
}
