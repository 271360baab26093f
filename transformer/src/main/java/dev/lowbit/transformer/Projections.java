package dev.lowbit.transformer;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Queries, keys and values of a block: three linear layers, or one whose outputs are the three side by side (GPT-2's c_attn).
 *
 * @param layers one layer or three
 */
record Projections(List<Linear> layers) {
    Projections {
        layers = List.copyOf(layers);
        if (layers.size() != 1 && layers.size() != 3) {
            throw new IllegalArgumentException("one fused layer or three are needed, got " + layers.size());
        }
    }

    /** Overwrites the three {@code outputs}. */
    void forward(FloatMatrix x, List<FloatMatrix> outputs, Workspace space, LinearObserver observer, Workers workers) {
        if (layers.size() == 3) {
            for (int i = 0; i < 3; i++) {
                layers.get(i).forward(x, outputs.get(i), observer, workers);
            }
            return;
        }
        FloatMatrix fused =
                space.matrix("qkv", x.rows(), layers.getFirst().weight().rows());
        layers.getFirst().forward(x, fused, observer, workers);
        move(fused, outputs, true, workers);
    }

    /** dx (overwritten) from the gradients of the three outputs. */
    void backward(
            FloatMatrix x,
            List<FloatMatrix> gradients,
            FloatMatrix dx,
            Workspace space,
            GradientSink sink,
            Workers workers) {
        if (layers.size() == 1) {
            FloatMatrix fused =
                    space.matrix("qkv", x.rows(), layers.getFirst().weight().rows());
            move(fused, gradients, false, workers);
            layers.getFirst().backward(x, fused, dx, sink, workers);
            return;
        }
        FloatMatrix more = space.matrix("qkv.dx", x.rows(), x.columns());
        for (int i = 2; i >= 0; i--) {
            layers.get(i).backward(x, gradients.get(i), i == 2 ? dx : more, sink, workers);
            if (i < 2) {
                Tokens.add(more, dx, workers);
            }
        }
    }

    private static void move(FloatMatrix fused, List<FloatMatrix> parts, boolean apart, Workers workers) {
        Tokens.forEach(fused.rows(), workers, (from, to) -> {
            for (int t = from; t < to; t++) {
                long at = (long) t * fused.columns() * Float.BYTES;
                for (FloatMatrix part : parts) {
                    long width = (long) part.columns() * Float.BYTES;
                    MemorySegment one = part.segment().asSlice(t * width, width);
                    MemorySegment all = fused.segment().asSlice(at, width);
                    (apart ? one : all).copyFrom(apart ? all : one);
                    at += width;
                }
            }
        });
    }
}
