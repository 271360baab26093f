package dev.lowbit.matrix.sum;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.QuantizedMatrixContract;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.block.BlockQuantizer;
import dev.lowbit.matrix.dense.DenseFormat;
import dev.lowbit.matrix.dense.DenseMatrix;
import dev.lowbit.tensor.FloatMatrix;
import java.util.List;
import org.junit.jupiter.api.Test;

class SumMatrixTest extends QuantizedMatrixContract {
    @Override
    protected List<String> formats() {
        return List.of("nf3-g64-s8x256-bf16+r3-nf8", "nf2-g32-f16-flat+r1-f32", "int4-g16-bf16+r2-bf16");
    }

    /** Not a decomposition: any base with any factors, here the first rows and columns of the weights. */
    @Override
    protected QuantizedMatrix quantize(FloatMatrix weights, String format, Workers workers) {
        SumFormat sum = (SumFormat) MatrixFormats.parse(format);
        float[] left = new float[sum.rank() * weights.rows()];
        float[] right = new float[sum.rank() * weights.columns()];
        for (int i = 0; i < left.length; i++) {
            left[i] = weights.get(i % weights.rows(), 0);
        }
        for (int i = 0; i < right.length; i++) {
            right[i] = weights.get(0, i % weights.columns());
        }
        return SumMatrix.of(
                BlockQuantizer.quantize(weights, (BlockFormat) sum.base(), workers),
                factor(sum, FloatMatrix.wrap(sum.rank(), weights.rows(), left), workers),
                factor(sum, FloatMatrix.wrap(sum.rank(), weights.columns(), right), workers));
    }

    private static QuantizedMatrix factor(SumFormat sum, FloatMatrix values, Workers workers) {
        return sum.factor() instanceof BlockFormat block
                ? BlockQuantizer.quantize(values, block, workers)
                : DenseMatrix.of(values, ((DenseFormat) sum.factor()).type());
    }

    /** Gaussian weights, rank up to 3: each of up to 300 terms adds at most about 3 * 4 * 4 * 4. */
    @Override
    protected double extraMagnitude(int rows, int columns) {
        return 200.0 * Math.max(rows, columns);
    }

    @Test
    void namesItsFactorsShortly() {
        assertThat(MatrixFormats.parse("nf3-g64-f16+r8-nf8"))
                .isEqualTo(MatrixFormats.parse("nf3-g64-f16+r8-nf8-g64-s8x256-fp32-flat"));
        assertThatThrownBy(() -> MatrixFormats.parse("nf3-g64-f16+r8-f16+r8-f16"))
                .hasMessageContaining("do not nest");
        assertThatThrownBy(() -> MatrixFormats.parse("nf3-g64-f16" + "+r8-f16".repeat(100_000)))
                .as("out of a file, where it must not fill the stack")
                .hasMessageContaining("do not nest");
        assertThatThrownBy(() -> MatrixFormats.parse("nf3-g64-f16+r8-what")).hasMessageContaining("unknown");
    }
}
