package dev.lowbit.int2lrec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.budget.Candidate;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.importance.CorrelatedInputs;
import dev.lowbit.importance.Hessian;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.method.Compressor.Limits;
import dev.lowbit.store.MeasuredError;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GptqCompressorTest {
    private static final int ROWS = 70;
    private static final int COLUMNS = 72;
    private static final Limits LIMITS = new Limits(0, 0, 0, 0);
    private static final Workers SERIAL = Workers.serial();

    private final GptqCompressor method = new GptqCompressor();
    private final FloatMatrix w = CorrelatedInputs.gaussian(ROWS, COLUMNS, "w");

    private QuantizedMatrix compress(String format, Importance importance) {
        return method.compress("w", w, importance, new Candidate(format, 0, 0, 0, true), LIMITS, SERIAL);
    }

    private static float[] values(QuantizedMatrix matrix) {
        FloatMatrix values = FloatMatrix.allocate(matrix.rows(), matrix.columns());
        matrix.dequantize(0, values, SERIAL);
        return values.toArray();
    }

    /** Groups may be longer than a row; the format stays the one asked for. */
    @ParameterizedTest
    @CsvSource({"affine2-g32-f16, 2, 32", "affine4-g128-f16, 4, 128", "affine3-row-bf16, 3, 0"})
    void isRoundingToNearestWithoutInputs(String format, int bits, int group) {
        DType scales = format.endsWith("bf16") ? DType.BF16 : DType.F16;
        AffineCodes codes =
                RoundToNearest.quantize(w, group, AffineGrid.of(bits).scales(scales), SERIAL);
        for (Importance importance : List.of(Importance.uniform(), CorrelatedInputs.diagonal(ROWS, COLUMNS))) {
            QuantizedMatrix matrix = compress(format, importance);
            assertThat(matrix.format()).isEqualTo(format);
            assertThat(values(matrix)).containsExactly(values(codes.matrix(scales)));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {24, 0})
    void isGptqWithInputs(int group) {
        Hessian hessian = CorrelatedInputs.hessian(ROWS, COLUMNS);
        SecondMoment moment = Weighting.of(hessian, COLUMNS, SERIAL).moment();
        GptqSettings settings = GptqSettings.published(AffineGrid.of(2).scales(DType.F16), group)
                .damping(1e-12);
        QuantizedMatrix matrix = compress("affine2-" + (group == 0 ? "row" : "g" + group) + "-f16", hessian);
        assertThat(values(matrix))
                .containsExactly(values(
                        Gptq.quantize(w, moment, settings, SERIAL).codes().matrix(DType.F16)));
        double rounded = MeasuredError.of(w, compress(matrix.format(), Importance.uniform()), hessian, SERIAL)
                .weightedError();
        assertThat(MeasuredError.of(w, matrix, hessian, SERIAL).weightedError()).isLessThan(0.8 * rounded);
    }

    @Test
    void pricesHold() {
        Hessian hessian = CorrelatedInputs.hessian(ROWS, COLUMNS);
        List<Candidate> candidates = method.price("w", w, hessian, LIMITS, SERIAL);
        assertThat(candidates).hasSizeGreaterThan(3);
        for (Candidate candidate : candidates) {
            QuantizedMatrix matrix = compress(candidate.format(), hessian);
            assertThat(matrix.bytes()).isEqualTo(candidate.bytes());
            double error = MeasuredError.of(w, matrix, hessian, SERIAL).weightedError();
            assertThat(candidate.error()).isBetween(0.9999 * error, 1.0001 * error);
            assertThat(method.confirm("w", w, hessian, candidate, LIMITS, SERIAL)
                            .error())
                    .isGreaterThan(error * (1 - 1e-6));
        }
    }

    @Test
    void whatItDoesNotDo() {
        assertThatThrownBy(() -> method.price("w", w, Importance.uniform(), new Limits(1, 2, 0, 0), SERIAL))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("int2-lrec");
        for (String format : List.of("affine2-g32-s4x64-bf16", "affine3-g32-f16-sym", "affine2-g32-f16+r1-f16")) {
            assertThat(method.writes(MatrixFormats.parse(format))).as(format).isFalse();
            assertThatThrownBy(() -> compress(format, Importance.uniform()))
                    .isInstanceOf(InvalidRequestException.class)
                    .hasMessageContaining(format);
        }
    }

    @Test
    void paperCountsCodes() {
        assertThat(method.paperBitsPerWeight("affine3-g128-f16", 4096, 4096)).isEqualTo(3);
        assertThat(method.paperBitsPerWeight("affine3-g128-f16+r32-f16", 4096, 4096))
                .isEqualTo(3.25);
    }
}
