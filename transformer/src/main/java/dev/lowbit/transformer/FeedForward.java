package dev.lowbit.transformer;

import dev.lowbit.kernel.Activation;
import dev.lowbit.kernel.Activations;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.util.List;
import java.util.function.Consumer;

/**
 * y = down(f(in x)), or y = down(f(in x) ∘ up x) when there is a gate's partner.
 *
 * @param in hidden to inner, whose output the activation sees
 * @param up hidden to inner, multiplied with the activation; null in the plain form
 * @param down inner to hidden
 */
record FeedForward(Linear in, Linear up, Linear down, Activation activation) {
    void linears(Consumer<Linear> visitor) {
        (up == null ? List.of(in, down) : List.of(in, up, down)).forEach(visitor);
    }

    private int width() {
        return in.weight().rows();
    }

    /** y (overwritten) from x, both tokens x hidden; leaves in the workspace what backward needs. */
    void forward(FloatMatrix x, FloatMatrix y, Workspace space, LinearObserver observer, Workers workers) {
        FloatMatrix before = space.matrix("ff.in", x.rows(), width());
        FloatMatrix inner = space.matrix("ff.inner", x.rows(), width());
        in.forward(x, before, observer, workers);
        FloatMatrix partner = null;
        if (up != null) {
            partner = space.matrix("ff.up", x.rows(), width());
            up.forward(x, partner, observer, workers);
        }
        activate(before, partner, inner, workers);
        down.forward(inner, y, observer, workers);
    }

    private void activate(FloatMatrix before, FloatMatrix partner, FloatMatrix inner, Workers workers) {
        Activations kernel = Activations.get();
        Tokens.forEach(before.rows(), workers, (from, to) -> {
            long at = (long) from * width();
            long length = (long) (to - from) * width();
            kernel.apply(activation, before.segment(), at, inner.segment(), at, length);
            if (partner != null) {
                kernel.multiply(inner.segment(), at, partner.segment(), at, inner.segment(), at, length);
            }
        });
    }

    /** dx (overwritten) from dy, after a forward pass of the same x in the same workspace. */
    void backward(FloatMatrix x, FloatMatrix dy, FloatMatrix dx, Workspace space, GradientSink sink, Workers workers) {
        FloatMatrix before = space.matrix("ff.in", x.rows(), width());
        FloatMatrix inner = space.matrix("ff.inner", x.rows(), width());
        FloatMatrix dInner = space.matrix("ff.dinner", x.rows(), width());
        down.backward(inner, dy, dInner, sink, workers);
        FloatMatrix partner = up == null ? null : space.matrix("ff.up", x.rows(), width());
        FloatMatrix dPartner = up == null ? null : space.matrix("ff.dup", x.rows(), width());
        Activations kernel = Activations.get();
        Tokens.forEach(x.rows(), workers, (from, to) -> {
            long at = (long) from * width();
            long length = (long) (to - from) * width();
            if (partner != null) {
                kernel.apply(activation, before.segment(), at, dPartner.segment(), at, length);
                kernel.multiply(dPartner.segment(), at, dInner.segment(), at, dPartner.segment(), at, length);
                kernel.multiply(dInner.segment(), at, partner.segment(), at, dInner.segment(), at, length);
            }
            kernel.derivative(activation, before.segment(), at, inner.segment(), at, length);
            kernel.multiply(dInner.segment(), at, inner.segment(), at, dInner.segment(), at, length);
        });
        in.backward(x, dInner, dx, sink, workers);
        if (up != null) {
            FloatMatrix more = space.matrix("ff.dx", x.rows(), x.columns());
            up.backward(x, dPartner, more, sink, workers);
            Tokens.add(more, dx, workers);
        }
    }
}
