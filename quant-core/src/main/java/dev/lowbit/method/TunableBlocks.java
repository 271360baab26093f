package dev.lowbit.method;

import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.LiveCodes;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.block.BlockMatrix;
import dev.lowbit.matrix.block.LiveBlocks;
import dev.lowbit.tensor.FloatMatrix;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Codebook and block scales are trained, where they are stored; codes and scale codes stay. The codebook may be that of another matrix. */
final class TunableBlocks extends DenseGradient {
    private final LiveBlocks live;
    private final TrainableCodebook codebook;
    private final TrainableScales scales;

    /** @param sharing the one of blocks whose codebook and its gradient are this one's too */
    TunableBlocks(BlockMatrix matrix, Optional<Tunable> sharing) {
        Optional<TunableBlocks> first = sharing.map(TunableBlocks.class::cast);
        live = first.map(other -> new LiveBlocks(matrix, other.live)).orElseGet(() -> new LiveBlocks(matrix));
        codebook = first.map(other -> other.codebook.shared())
                .orElseGet(() -> TrainableCodebook.of("codebook", live.codebook()));
        scales = new TrainableScales(live.scales());
    }

    @Override
    public List<TrainablePart> parts() {
        List<TrainablePart> parts = new ArrayList<>();
        if (live.hasOwnCodebook()) {
            parts.add(codebook.part());
        }
        parts.addAll(scales.parts());
        return parts;
    }

    @Override
    public LiveCodes matrix() {
        return live;
    }

    @Override
    void accumulate(FloatMatrix dense, Workers workers) {
        live.accumulate(dense, codebook.gradient(), scales.gradient(), scales.offsetGradient(), workers);
    }

    @Override
    public QuantizedMatrix stored(Workers workers) {
        return live.stored();
    }

    @Override
    public void close() {
        live.close();
        scales.close();
        codebook.close();
    }
}
