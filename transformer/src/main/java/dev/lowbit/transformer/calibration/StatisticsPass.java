package dev.lowbit.transformer.calibration;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.transformer.GradientSink;
import dev.lowbit.transformer.Linear;
import dev.lowbit.transformer.TokenBatch;
import dev.lowbit.transformer.Workspace;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** Gathers the statistics of some layers from the backward passes over all samples. Owns its memory. */
final class StatisticsPass implements GradientSink, AutoCloseable {
    private final Map<String, LayerSums> layers = new LinkedHashMap<>();
    private final Workspace space = new Workspace();
    private TokenBatch batch;

    /** @param groups layers that share their inputs together */
    StatisticsPass(List<List<Linear>> groups) {
        for (List<Linear> group : groups) {
            Linear first = group.getFirst();
            InputSums inputs = new InputSums(first.name(), first.weight().columns());
            group.forEach(layer -> layers.put(layer.name(), new LayerSums(layer, inputs)));
        }
    }

    /** Bytes of the sums of layers that share their inputs. */
    static long bytes(List<Linear> group) {
        return InputSums.bytes(group.getFirst().weight().columns())
                + group.stream().mapToLong(LayerSums::bytes).sum();
    }

    /** The batch whose gradients come next. */
    void begin(TokenBatch next) {
        batch = next;
    }

    @Override
    public boolean wants(String name) {
        return layers.containsKey(name);
    }

    @Override
    public void linear(Linear layer, FloatMatrix x, FloatMatrix dy, Workers workers) {
        FloatMatrix gradient = space.matrix("gradient", dy.columns(), x.columns());
        layers.get(layer.name()).add(batch, x, dy, gradient, workers);
    }

    @Override
    public void vector(String name, float[] gradient) {
        throw new IllegalStateException(name + " is no weight of a linear layer");
    }

    @Override
    public void rows(Table table, String name, int[] indices, FloatMatrix dx) {
        throw new IllegalStateException(name + " is no weight of a linear layer");
    }

    /** Hands over every layer in the order of the forward pass; what it is given is valid during the call. */
    void finish(long tokens, Consumer<LayerStatistics> out) {
        LayerStatistics.Inputs moments = null;
        try {
            for (LayerSums layer : layers.values()) {
                if (moments == null || !moments.owner().equals(layer.inputs().owner())) {
                    if (moments != null) {
                        moments.secondMoment().close();
                    }
                    moments = layer.inputs().moments(tokens);
                }
                out.accept(layer.statistics(moments));
            }
        } finally {
            if (moments != null) {
                moments.secondMoment().close();
            }
        }
    }

    @Override
    public void close() {
        layers.values().forEach(LayerSums::close);
        space.close();
    }
}
