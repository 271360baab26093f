package dev.lowbit.transformer.calibration;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.transformer.Linear;
import dev.lowbit.transformer.LinearObserver;
import dev.lowbit.transformer.TokenBatch;
import dev.lowbit.transformer.Transformer;
import dev.lowbit.transformer.Workspace;
import java.util.ArrayList;
import java.util.List;

/** Which layers see the same inputs: those that are given the same matrix one after another (q, k and v; gate and up). */
final class SharedInputs implements LinearObserver {
    private final List<List<Linear>> groups = new ArrayList<>();
    private FloatMatrix last;

    private SharedInputs() {}

    /** All layers of the blocks in the order of the forward pass, those with the same inputs together. */
    static List<List<Linear>> of(Transformer model, int anyToken, Workers workers) {
        SharedInputs observer = new SharedInputs();
        try (Workspace space = new Workspace()) {
            model.forward(TokenBatch.of(new int[] {anyToken}), space, observer, workers);
        }
        return observer.groups;
    }

    @Override
    public void input(Linear layer, FloatMatrix x) {
        if (x != last) {
            groups.add(new ArrayList<>());
            last = x;
        }
        groups.getLast().add(layer);
    }
}
