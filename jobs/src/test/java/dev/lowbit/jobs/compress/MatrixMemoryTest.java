package dev.lowbit.jobs.compress;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.int2lrec.GptqCompressor;
import dev.lowbit.int2lrec.Int2Lrec;
import dev.lowbit.lqlora.LqLora;
import dev.lowbit.method.Compressor;
import dev.lowbit.pvtuning.PvTuning;
import dev.lowbit.sketchtune.SketchTune;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What cannot be in an array or on the heap is refused by name before anything is computed. */
class MatrixMemoryTest {
    private static final Compressor.Limits LIMITS = new Compressor.Limits(0, 64, 0, 0);
    private static final int TOO_WIDE = 46_341; // the least integer whose square is beyond 2^31 - 1

    static List<Compressor> methodsWithSquares() {
        return List.of(new Int2Lrec(), new GptqCompressor(), new PvTuning(), new SketchTune());
    }

    @ParameterizedTest
    @MethodSource("methodsWithSquares")
    void inputsWhoseSquareNoArrayHolds(Compressor method) {
        assertThatThrownBy(() -> MatrixMemory.requireArrays(targets(1, TOO_WIDE), method, false))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining(method.name())
                .hasMessageContaining("wide (1 x 46341)")
                .hasMessageContaining("--skip");
        assertThatCode(() -> MatrixMemory.requireArrays(targets(1, TOO_WIDE - 1), method, true))
                .doesNotThrowAnyException();
    }

    @Test
    void aHessianOfTooManyInputs() {
        assertThatCode(() -> MatrixMemory.requireArrays(targets(1, TOO_WIDE), new LqLora(), false))
                .doesNotThrowAnyException();
        assertThatThrownBy(() -> MatrixMemory.requireArrays(targets(1, TOO_WIDE), new LqLora(), true))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("without --calibration");
    }

    @Test
    void moreWeightsThanAnArrayHolds() {
        assertThatThrownBy(() -> MatrixMemory.requireArrays(targets(1 << 20, 1 << 12), new SketchTune(), false))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("wide (1048576 x 4096)");
    }

    /** Factoring a Hessian takes two squares of the inputs in double, whatever the method takes. */
    @Test
    void aHessianThatTheHeapDoesNotHold() {
        int inputs = (int) Math.min(1 << 30, Math.sqrt(Runtime.getRuntime().maxMemory() / 16.0) + 2);
        assertThatThrownBy(() -> MatrixMemory.requireHeap(targets(1, inputs), new LqLora(), LIMITS, true))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("Java heap for wide")
                .hasMessageContaining("-Xmx");
        assertThatCode(() -> MatrixMemory.requireHeap(targets(1, inputs), new LqLora(), LIMITS, false))
                .doesNotThrowAnyException();
    }

    private static List<Target> targets(int rows, int columns) {
        return List.of(new Target("wide", rows, columns, false, 4L * rows * columns));
    }
}
