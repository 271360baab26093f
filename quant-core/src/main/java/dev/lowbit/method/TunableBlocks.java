package dev.lowbit.method;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Norms;
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
    private final TrainablePart scales;
    private final TrainablePart offset;

    TunableBlocks(BlockMatrix matrix) {
        live = new LiveBlocks(matrix);
        double scaleSize = size(live.scales());
        codebook = part("codebook", live.codebook(), size(live.codebook()));
        scales = part("scales", live.scales(), scaleSize);
        offset = part("offset", live.offset(), scaleSize);
    }

    private static TrainablePart part(String name, FloatMatrix values, double unit) {
        return new TrainablePart(name, values, FloatMatrix.allocate(1, values.columns()), unit);
    }

    /** Root mean square. */
    private static double size(FloatMatrix values) {
        return Math.sqrt(Norms.sumOfSquares(values, Workers.serial()) / values.size());
    }

    @Override
    public List<TrainablePart> parts() {
        List<TrainablePart> parts = new ArrayList<>();
        if (live.hasOwnCodebook()) {
            parts.add(codebook);
        }
        parts.add(scales);
        if (live.hasOffset()) {
            parts.add(offset);
        }
        return parts;
    }

    @Override
    public QuantizedMatrix matrix() {
        return live;
    }

    @Override
    public void accumulate(FloatMatrix x, FloatMatrix dy, Workers workers) {
        live.accumulate(x, dy, codebook.gradient(), scales.gradient(), offset.gradient(), workers);
    }

    @Override
    public QuantizedMatrix stored(Workers workers) {
        return live.stored();
    }

    @Override
    public void close() {
        live.close();
        codebook.gradient().close();
        scales.gradient().close();
        offset.gradient().close();
    }
}
