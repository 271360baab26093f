package dev.lowbit.matrix.dense;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.NonFiniteWeightException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.QuantizedMatrixContract;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.util.List;
import org.junit.jupiter.api.Test;

class DenseMatrixTest extends QuantizedMatrixContract {
    @Override
    protected List<String> formats() {
        return List.of("f16", "bf16", "f32");
    }

    @Override
    protected QuantizedMatrix quantize(FloatMatrix weights, String format, Workers workers) {
        return DenseMatrix.of(
                weights,
                DType.ofSafetensors(format.toUpperCase(java.util.Locale.ROOT)).orElseThrow());
    }

    @Test
    void refusesWhatTheTypeCannotHold() {
        FloatMatrix large = FloatMatrix.wrap(1, 2, new float[] {1, 1e30f});
        assertThatThrownBy(() -> DenseMatrix.of(large, DType.F16))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("column 1");
        FloatMatrix nan = FloatMatrix.wrap(2, 1, new float[] {1, Float.NaN});
        assertThatThrownBy(() -> DenseMatrix.of(nan, DType.F32))
                .isInstanceOf(NonFiniteWeightException.class)
                .hasMessageContaining("row 1, column 0");
    }
}
