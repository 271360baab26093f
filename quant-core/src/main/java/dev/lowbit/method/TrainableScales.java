package dev.lowbit.method;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Norms;
import dev.lowbit.matrix.scale.LiveScales;
import dev.lowbit.method.Tunable.TrainablePart;
import dev.lowbit.tensor.FloatMatrix;
import java.util.ArrayList;
import java.util.List;

/** The trainable parts of scales: where they are stored, on one or on two levels. Owns the gradients alone. */
final class TrainableScales implements AutoCloseable {
    private final boolean hasOffset;
    private final TrainablePart scales;
    private final TrainablePart offset;

    TrainableScales(LiveScales live) {
        hasOffset = live.hasOffset();
        scales = part("scales", live.scales(), live.scales());
        offset = part("offset", live.offset(), live.scales());
    }

    /** A part whose unit is the root mean square of {@code like}. */
    static TrainablePart part(String name, FloatMatrix values, FloatMatrix like) {
        double unit = Math.sqrt(Norms.sumOfSquares(like, Workers.serial()) / like.size());
        return new TrainablePart(name, values, FloatMatrix.allocate(1, values.columns()), unit);
    }

    List<TrainablePart> parts() {
        List<TrainablePart> parts = new ArrayList<>(List.of(scales));
        if (hasOffset) {
            parts.add(offset);
        }
        return parts;
    }

    FloatMatrix gradient() {
        return scales.gradient();
    }

    /** There too where nothing is trained of it. */
    FloatMatrix offsetGradient() {
        return offset.gradient();
    }

    @Override
    public void close() {
        scales.gradient().close();
        offset.gradient().close();
    }
}
