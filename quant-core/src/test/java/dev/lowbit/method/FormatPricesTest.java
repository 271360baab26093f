package dev.lowbit.method;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.error.BeyondFormat;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.importance.CorrelatedInputs;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.tensor.FloatMatrix;
import java.util.List;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.Test;

class FormatPricesTest {
    private static final BlockFormat HALF = BlockFormat.parse("nf4-g64-f16");
    private static final BlockFormat WIDE = BlockFormat.parse("nf4-g32-bf16");

    private static List<BlockFormat> kept(FloatMatrix w, Importance importance, ToDoubleFunction<Call> error) {
        FormatPrices.Pricer<BlockFormat> pricer = (weights, importanceThere, formats, workers) -> formats.stream()
                .mapToDouble(format -> error.applyAsDouble(new Call(weights, importanceThere, format)))
                .toArray();
        return FormatPrices.of(w, importance, List.of(HALF, WIDE), pricer, Workers.serial()).stream()
                .map(FormatPrices.Priced::format)
                .toList();
    }

    private record Call(FloatMatrix weights, Importance importance, BlockFormat format) {}

    /** On the sample the format of halves is clearly better, on the whole matrix it cannot be had. */
    @Test
    void whatTheSampleDidNotKnowIsPricedAgain() {
        FloatMatrix w = FloatMatrix.allocate(1024, 256);
        ToDoubleFunction<Call> error =
                call -> call.format() == WIDE ? 2 : call.weights().rows() == w.rows() ? Double.POSITIVE_INFINITY : 1;
        assertThat(kept(w, Importance.uniform(), error)).containsExactly(WIDE);
    }

    @Test
    void nothingIsLeftWhereNothingHoldsTheWeights() {
        assertThat(kept(FloatMatrix.allocate(4, 64), Importance.uniform(), call -> Double.POSITIVE_INFINITY))
                .isEmpty();
    }

    /** Error feedback makes weights larger than they were. */
    @Test
    void aFormatThatFeedbackDrivesOutOfItsRangeIsNotAvailable() {
        ToDoubleFunction<Call> error = call -> call.format() == WIDE
                ? 1
                : call.importance() instanceof Importance.Diagonal ? 2 : Double.POSITIVE_INFINITY;
        assertThat(kept(CorrelatedInputs.gaussian(12, 24, "w"), CorrelatedInputs.hessian(12, 24), error))
                .containsExactly(WIDE);
    }

    @Test
    void onlyAFormatThatIsTooNarrowHasNoPrice() {
        assertThat(BeyondFormat.orInfinite(() -> 3)).isEqualTo(3);
        assertThat(BeyondFormat.orInfinite(() -> {
                    throw InvalidRequestException.beyondFormat("too large");
                }))
                .isInfinite();
        assertThatThrownBy(() -> BeyondFormat.orInfinite(() -> {
                    throw InvalidRequestException.impossible("no memory");
                }))
                .hasMessage("no memory");
    }
}
