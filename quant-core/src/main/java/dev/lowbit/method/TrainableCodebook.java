package dev.lowbit.method;

import dev.lowbit.method.Tunable.TrainablePart;
import dev.lowbit.tensor.FloatMatrix;

/** The trainable part of a codebook, which several matrices may have in common. Owns the gradient alone, and only where it came first. */
final class TrainableCodebook implements AutoCloseable {
    private final TrainablePart part;
    private final boolean isFirst;

    private TrainableCodebook(TrainablePart part, boolean isFirst) {
        this.part = part;
        this.isFirst = isFirst;
    }

    /** @param values live */
    static TrainableCodebook of(String name, FloatMatrix values) {
        return new TrainableCodebook(TrainablePart.sizedLike(name, values, values), true);
    }

    /** The same for another matrix; to be closed before this one. */
    TrainableCodebook shared() {
        return new TrainableCodebook(part, false);
    }

    TrainablePart part() {
        return part;
    }

    FloatMatrix gradient() {
        return part.gradient();
    }

    @Override
    public void close() {
        if (isFirst) {
            part.gradient().close();
        }
    }
}
