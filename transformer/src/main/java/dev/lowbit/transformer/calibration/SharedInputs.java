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
        return ofBlocks(model, anyToken, workers).stream().flatMap(List::stream).toList();
    }

    /** The same, block by block. */
    static List<List<List<Linear>>> ofBlocks(Transformer model, int anyToken, Workers workers) {
        List<List<List<Linear>>> blocks = new ArrayList<>();
        TokenBatch batch = TokenBatch.of(new int[] {anyToken});
        try (Workspace space = new Workspace()) {
            FloatMatrix x = space.matrix("x", 1, model.shape().hidden());
            FloatMatrix out = space.matrix("out", 1, model.shape().hidden());
            model.embed(batch, 0, x, workers);
            for (int block = 0; block < model.shape().layers(); block++) {
                SharedInputs observer = new SharedInputs();
                model.block(block, batch, x, out, space, observer, workers);
                blocks.add(observer.groups);
            }
        }
        return blocks;
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
