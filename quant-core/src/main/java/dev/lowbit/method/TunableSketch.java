package dev.lowbit.method;

import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.LiveCodes;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.sketch.LiveSketch;
import dev.lowbit.matrix.sketch.SketchMatrix;
import dev.lowbit.tensor.FloatMatrix;
import java.util.List;

/** Tables are trained; codes stay. */
final class TunableSketch extends DenseGradient {
    private final LiveSketch live;
    private final TrainablePart tables;

    TunableSketch(SketchMatrix matrix) {
        live = new LiveSketch(matrix);
        tables = TrainablePart.sizedLike("tables", live.tables(), live.tables());
    }

    @Override
    public List<TrainablePart> parts() {
        return List.of(tables);
    }

    @Override
    public LiveCodes matrix() {
        return live;
    }

    @Override
    void accumulate(FloatMatrix dense, Workers workers) {
        live.accumulate(0, dense, tables.gradient(), workers);
    }

    @Override
    public QuantizedMatrix stored(Workers workers) {
        return live.stored();
    }

    @Override
    public void close() {
        live.close();
        tables.gradient().close();
    }
}
