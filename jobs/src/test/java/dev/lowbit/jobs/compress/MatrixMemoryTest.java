package dev.lowbit.jobs.compress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.params.provider.Arguments.arguments;

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
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What cannot be in an array or on the heap is refused by name before anything is computed. */
class MatrixMemoryTest {
    private static final Compressor.Limits LIMITS = new Compressor.Limits(0, 64, 0, 0);
    private static final int TOO_WIDE = 46_341; // the least integer whose square is beyond 2^31 - 1

    /** With the most inputs of each; a group that reaches beyond the matrix is filled up, which takes pv-tuning up to 63 columns. */
    static List<Arguments> methodsWithSquares() {
        return List.of(
                arguments(new Int2Lrec(), TOO_WIDE - 1),
                arguments(new GptqCompressor(), TOO_WIDE - 1),
                arguments(new PvTuning(), TOO_WIDE - 64),
                arguments(new SketchTune(), TOO_WIDE - 1));
    }

    @ParameterizedTest
    @MethodSource("methodsWithSquares")
    void inputsWhoseSquareNoArrayHolds(Compressor method, int most) {
        assertThatThrownBy(() -> MatrixMemory.requireArrays(targets(1, most + 1), method, true, false))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining(method.name())
                .hasMessageContaining("wide (1 x " + (most + 1) + ")")
                .hasMessageContaining("--skip");
        assertThatCode(() -> MatrixMemory.requireArrays(targets(1, most), method, true, true))
                .doesNotThrowAnyException();
    }

    @Test
    void aHessianOfTooManyInputs() {
        assertThatCode(() -> MatrixMemory.requireArrays(targets(1, TOO_WIDE), new LqLora(), true, false))
                .doesNotThrowAnyException();
        assertThatThrownBy(() -> MatrixMemory.requireArrays(targets(1, TOO_WIDE), new LqLora(), true, true))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("without --calibration");
    }

    /** Without an importance nothing is known of pairs of inputs, and nothing of that size is made. */
    @Test
    void withoutCalibrationInputsHaveNoSquare() {
        for (Compressor method : List.of(new Int2Lrec(), new GptqCompressor(), new PvTuning(), new SketchTune())) {
            assertThatCode(() -> MatrixMemory.requireArrays(targets(1, TOO_WIDE), method, false, false))
                    .doesNotThrowAnyException();
            assertThat(method.heapBytes(1, 1 << 14, LIMITS, false) - method.heapBytes(1, 1, LIMITS, false))
                    .as(method.name())
                    .isLessThan(8L << 20);
            assertThat(method.heapBytes(1, 1 << 14, LIMITS, true))
                    .as(method.name())
                    .isGreaterThan(3L << 30);
        }
    }

    static List<Compressor> methodsWithCodes() {
        return List.of(new GptqCompressor(), new PvTuning(), new SketchTune());
    }

    @ParameterizedTest
    @MethodSource("methodsWithCodes")
    void moreWeightsThanAnArrayHolds(Compressor method) {
        assertThatThrownBy(() -> MatrixMemory.requireArrays(targets(1 << 20, 1 << 12), method, false, false))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("wide (1048576 x 4096)");
    }

    @Test
    void groupsThatAreFilledUpAreWeightsToo() {
        assertThat(new SketchTune().takes(1 << 20, 2040, false)).isTrue();
        assertThat(new PvTuning().takes(1 << 20, 2040, false)).isFalse();
    }

    @Test
    void bytesOfMoreRowsThanAnIntCountsTwelveTimes() {
        assertThat(new PvTuning().heapBytes(200_000_000, 8, LIMITS, false)).isGreaterThan(8L * 12 * 200_000_000 * 8);
    }

    /** One array of the codes, which is as long as there are weights. */
    @Test
    void codesOfGptqLieOnTheHeap() {
        GptqCompressor gptq = new GptqCompressor();
        assertThat(gptq.heapBytes(1 << 20, 1 << 10, LIMITS, false) - gptq.heapBytes(1, 1 << 10, LIMITS, false))
                .isGreaterThan(1L << 30);
    }

    /** Factoring a Hessian takes two squares of the inputs in double, whatever the method takes. */
    @Test
    void aHessianThatTheHeapDoesNotHold() {
        int inputs = (int) Math.min(1 << 30, Math.sqrt(Runtime.getRuntime().maxMemory() / 16.0) + 2);
        assertThatThrownBy(() -> MatrixMemory.requireHeap(targets(1, inputs), new LqLora(), LIMITS, true, true, 1))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("Java heap for wide")
                .hasMessageContaining("-Xmx");
        assertThatCode(() -> MatrixMemory.requireHeap(targets(1, inputs), new LqLora(), LIMITS, true, false, 1))
                .doesNotThrowAnyException();
    }

    /** Each has the equations of some rows before it; they are large where pairs of inputs count. */
    @Test
    void equationsOfEveryWorkerCount() {
        long one = MatrixMemory.bytes(targets(512, 4096), new SketchTune(), LIMITS, true, 1);
        long eight = MatrixMemory.bytes(targets(512, 4096), new SketchTune(), LIMITS, true, 8);
        assertThat(eight - one).isGreaterThan(7 * (5L << 20));
        Compressor.Limits small = new Compressor.Limits(0, 0, 64, 0);
        assertThat(MatrixMemory.bytes(targets(512, 4096), new SketchTune(), small, true, 2))
                .isGreaterThan(2L * 3 * 8 * 1024 * 1024);
        assertThat(MatrixMemory.bytes(targets(512, 4096), new SketchTune(), small, false, 8))
                .isEqualTo(MatrixMemory.bytes(targets(512, 4096), new SketchTune(), small, false, 1));
    }

    private static List<Target> targets(int rows, int columns) {
        return List.of(new Target("wide", rows, columns, false, 4L * rows * columns));
    }
}
