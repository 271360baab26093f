package dev.lowbit.transformer;

import dev.lowbit.kernel.Workers;
import dev.lowbit.method.Tunable;
import dev.lowbit.tensor.FloatMatrix;
import java.util.LinkedHashMap;
import java.util.Map;

/** Lets each tunable matrix gather the gradients of its own parts; all other parameters are frozen. */
public final class TunableGradients implements GradientSink {
    private final Map<String, Tunable> tunables;

    /** Gradients for the tunable matrices, by the name of their linear layer. */
    public TunableGradients(Map<String, Tunable> tunables) {
        this.tunables = new LinkedHashMap<>(tunables);
    }

    @Override
    public boolean wants(String name) {
        return tunables.containsKey(name);
    }

    @Override
    public void linear(Linear layer, FloatMatrix x, FloatMatrix dy, Workers workers) {
        tunables.get(layer.name()).accumulate(x, dy, workers);
    }

    @Override
    public void vector(String name, float[] gradient) {
        throw new IllegalStateException(name + " is a vector, which no representation holds");
    }

    @Override
    public void rows(Table table, String name, int[] indices, FloatMatrix dx) {
        throw new IllegalStateException(name + ": tables are not tuned");
    }
}
