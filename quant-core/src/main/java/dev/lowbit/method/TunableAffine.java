package dev.lowbit.method;

import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.LiveCodes;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.affine.AffineMatrix;
import dev.lowbit.matrix.affine.LiveAffine;
import dev.lowbit.tensor.FloatMatrix;
import java.util.List;

/** Scales are trained, where they are stored; codes, scale codes and zero points, which are integers, stay. */
final class TunableAffine extends DenseGradient {
    private final LiveAffine live;
    private final TrainableScales scales;

    TunableAffine(AffineMatrix matrix) {
        live = new LiveAffine(matrix);
        scales = new TrainableScales(live.scales());
    }

    @Override
    public List<TrainablePart> parts() {
        return scales.parts();
    }

    @Override
    public LiveCodes matrix() {
        return live;
    }

    @Override
    void accumulate(FloatMatrix dense, Workers workers) {
        live.accumulate(dense, scales.gradient(), scales.offsetGradient(), workers);
    }

    @Override
    public QuantizedMatrix stored(Workers workers) {
        return live.stored();
    }

    @Override
    public void close() {
        live.close();
        scales.close();
    }
}
