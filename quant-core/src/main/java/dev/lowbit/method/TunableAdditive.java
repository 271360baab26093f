package dev.lowbit.method;

import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.LiveCodes;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.additive.AdditiveMatrix;
import dev.lowbit.matrix.additive.LiveAdditive;
import dev.lowbit.tensor.FloatMatrix;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Codebooks and scales are trained, where they are stored; codes and scale codes stay. Codebooks may be those of another matrix. */
final class TunableAdditive extends DenseGradient {
    private final LiveAdditive live;
    private final TrainableCodebook codebooks;
    private final TrainableScales scales;

    /** @param sharing the additive one whose codebooks and their gradient are this one's too */
    TunableAdditive(AdditiveMatrix matrix, Optional<Tunable> sharing) {
        Optional<TunableAdditive> first = sharing.map(TunableAdditive.class::cast);
        live = first.map(other -> new LiveAdditive(matrix, other.live)).orElseGet(() -> new LiveAdditive(matrix));
        codebooks = first.map(other -> other.codebooks.shared())
                .orElseGet(() -> TrainableCodebook.of("codebooks", live.codewords()));
        scales = new TrainableScales(live.scales());
    }

    @Override
    public List<TrainablePart> parts() {
        List<TrainablePart> parts = new ArrayList<>(List.of(codebooks.part()));
        parts.addAll(scales.parts());
        return parts;
    }

    @Override
    public LiveCodes matrix() {
        return live;
    }

    @Override
    void accumulate(FloatMatrix dense, Workers workers) {
        live.accumulate(dense, codebooks.gradient(), scales.gradient(), scales.offsetGradient(), workers);
    }

    @Override
    public QuantizedMatrix stored(Workers workers) {
        return live.stored();
    }

    @Override
    public void close() {
        live.close();
        scales.close();
        codebooks.close();
    }
}
