package dev.lowbit.method;

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
        scales = TrainablePart.sizedLike("scales", live.scales(), live.scales());
        offset = TrainablePart.sizedLike("offset", live.offset(), live.scales());
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
