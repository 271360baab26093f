package dev.lowbit.matrix.affine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.NonFiniteWeightException;
import dev.lowbit.importance.CorrelatedInputs;
import dev.lowbit.importance.Hessian;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.tensor.FloatMatrix;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AffineQuantizerTest {
    private static final int ROWS = 75;
    private static final int COLUMNS = 104;

    private final Hessian hessian = CorrelatedInputs.hessian(ROWS, COLUMNS);

    private static AffineFormat format(String id) {
        return (AffineFormat) MatrixFormats.parse(id);
    }

    /** The reported error is that of the residual, and the residual that of the matrix. */
    @ParameterizedTest
    @ValueSource(strings = {"affine2-g32-f16", "affine3-g16-s4x64-bf16", "affine2-row-f16", "affine4-g40-f32-sym"})
    void errorsAreThoseOfTheMatrix(String id) {
        FloatMatrix w = CorrelatedInputs.gaussian(ROWS, COLUMNS, "w");
        Importance.Diagonal weighted = (Importance.Diagonal) CorrelatedInputs.diagonal(ROWS, COLUMNS);
        for (Importance importance : List.of(Importance.uniform(), weighted, hessian)) {
            FloatMatrix residual = FloatMatrix.wrap(ROWS, COLUMNS, new float[ROWS * COLUMNS]);
            AffineQuantizer.Result result =
                    AffineQuantizer.quantize(w, importance, format(id), residual, Workers.serial());
            FloatMatrix decoded = FloatMatrix.wrap(ROWS, COLUMNS, new float[ROWS * COLUMNS]);
            result.matrix().dequantize(0, decoded, Workers.serial());
            double sum = 0;
            for (int i = 0; i < ROWS; i++) {
                for (int j = 0; j < COLUMNS; j++) {
                    double d = (double) w.get(i, j) - decoded.get(i, j);
                    // one rounding of the difference, a value of about 1
                    assertThat((double) residual.get(i, j)).isCloseTo(d, org.assertj.core.data.Offset.offset(1e-6));
                    sum += importance instanceof Importance.Diagonal
                            ? weighted.fisher().get(i, j) * d * d
                            : d * d;
                }
            }
            if (importance == hessian) {
                sum = hessian.of(residual, 0, Workers.serial());
            }
            assertThat(result.error()).isCloseTo(sum, org.assertj.core.data.Percentage.withPercentage(0.01));
        }
    }

    @Test
    void searchAndFeedbackPay() {
        FloatMatrix w = CorrelatedInputs.gaussian(ROWS, COLUMNS, "w");
        AffineFormat format = format("affine2-g32-f16");
        FloatMatrix residual = FloatMatrix.wrap(ROWS, COLUMNS, new float[ROWS * COLUMNS]);
        double searched = AffineQuantizer.quantize(w, Importance.uniform(), format, residual, Workers.serial())
                .error();
        assertThat(searched).isLessThan(0.9 * rangeError(w, 32));
        double alone = hessian.of(residual, 0, Workers.serial());
        assertThat(AffineQuantizer.squaredError(w, hessian, format, Workers.serial()))
                .isLessThan(0.5 * alone);
    }

    /** Round to nearest with the range of each group, without any search. */
    private static double rangeError(FloatMatrix w, int group) {
        double error = 0;
        for (int i = 0; i < w.rows(); i++) {
            for (int start = 0; start < w.columns(); start += group) {
                int end = Math.min(w.columns(), start + group);
                double low = 0;
                double high = 0;
                for (int j = start; j < end; j++) {
                    low = Math.min(low, w.get(i, j));
                    high = Math.max(high, w.get(i, j));
                }
                double scale = (high - low) / 3;
                double zero = Math.rint(-low / scale);
                for (int j = start; j < end; j++) {
                    double q = Math.clamp(Math.rint(w.get(i, j) / scale) + zero, 0, 3);
                    error += Math.pow(w.get(i, j) - scale * (q - zero), 2);
                }
            }
        }
        return error;
    }

    @Test
    void workersChangeNothing() {
        FloatMatrix w = CorrelatedInputs.gaussian(ROWS, COLUMNS, "w");
        try (ExecutorService pool = Executors.newFixedThreadPool(3)) {
            for (Importance importance : List.of(Importance.uniform(), hessian)) {
                for (String id : List.of("affine2-g32-f16", "affine3-row-s4x64-bf16")) {
                    AffineMatrix one = AffineQuantizer.quantize(w, importance, format(id), Workers.serial())
                            .matrix();
                    AffineMatrix other = AffineQuantizer.quantize(w, importance, format(id), Workers.on(pool, 3))
                            .matrix();
                    for (int p = 0; p < one.parts().size(); p++) {
                        assertThat(other.parts()
                                        .get(p)
                                        .bytes()
                                        .mismatch(one.parts().get(p).bytes()))
                                .isEqualTo(-1);
                    }
                }
            }
        }
    }

    @Test
    void edgeCases() {
        FloatMatrix zero = FloatMatrix.wrap(2, 3, new float[6]);
        AffineQuantizer.Result result =
                AffineQuantizer.quantize(zero, Importance.uniform(), format("affine2-g2-s4x64-bf16"), Workers.serial());
        assertThat(result.error()).isZero();
        FloatMatrix one = FloatMatrix.wrap(1, 4, new float[] {3, 3, 3, 3});
        assertThat(AffineQuantizer.squaredError(one, Importance.uniform(), format("affine1-row-f32"), Workers.serial()))
                .isZero();
        FloatMatrix large = FloatMatrix.wrap(1, 2, new float[] {1e9f, -1e9f});
        assertThatThrownBy(() -> AffineQuantizer.quantize(
                        large, Importance.uniform(), format("affine2-row-f16"), Workers.serial()))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("overflow");
        FloatMatrix bad = FloatMatrix.wrap(1, 2, new float[] {1, Float.NaN});
        assertThatThrownBy(() -> AffineQuantizer.quantize(
                        bad, Importance.uniform(), format("affine2-row-f16"), Workers.serial()))
                .isInstanceOf(NonFiniteWeightException.class);
    }
}
