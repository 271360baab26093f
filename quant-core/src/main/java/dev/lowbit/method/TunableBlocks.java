package dev.lowbit.method;

import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.block.BlockMatrix;
import dev.lowbit.matrix.block.LiveBlocks;
import dev.lowbit.tensor.FloatMatrix;
import java.util.ArrayList;
import java.util.List;

/** Codebook and block scales are trained, where they are stored; codes and scale codes stay. */
final class TunableBlocks implements Tunable {
    private final LiveBlocks live;
    private final TrainablePart codebook;
    private final TrainableScales scales;

    TunableBlocks(BlockMatrix matrix) {
        live = new LiveBlocks(matrix);
        codebook = TrainablePart.sizedLike("codebook", live.codebook(), live.codebook());
        scales = new TrainableScales(live.scales());
    }

    @Override
    public List<TrainablePart> parts() {
        List<TrainablePart> parts = new ArrayList<>();
        if (live.hasOwnCodebook()) {
            parts.add(codebook);
        }
        parts.addAll(scales.parts());
        return parts;
    }

    @Override
    public QuantizedMatrix matrix() {
        return live;
    }

    @Override
    public void accumulate(FloatMatrix x, FloatMatrix dy, Workers workers) {
        live.accumulate(x, dy, codebook.gradient(), scales.gradient(), scales.offsetGradient(), workers);
    }

    @Override
    public QuantizedMatrix stored(Workers workers) {
        return live.stored();
    }

    @Override
    public void close() {
        live.close();
        codebook.gradient().close();
        scales.close();
    }
}
