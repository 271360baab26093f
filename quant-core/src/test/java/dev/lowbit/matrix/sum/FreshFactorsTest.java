package dev.lowbit.matrix.sum;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.dense.DenseMatrix;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import org.junit.jupiter.api.Test;

class FreshFactorsTest {
    private static final int ROWS = 37;
    private static final int COLUMNS = 53;
    private static final int RANK = 9;

    private static float[] values(QuantizedMatrix matrix) {
        FloatMatrix out = FloatMatrix.allocate(matrix.rows(), matrix.columns());
        matrix.dequantize(0, out, Workers.serial());
        return out.toArray();
    }

    private static SumMatrix fresh(QuantizedMatrix base, String name) {
        return FreshFactors.add(base, RANK, RandomStream.of(5, "fresh", name));
    }

    /** Uniform in ±a: no value beyond, mean square a²/3 to within four standard errors, which is a² √(4/45) / √count. */
    @Test
    void changesNothingAndIsReadyToLearn() {
        FloatMatrix w = FloatMatrix.allocate(ROWS, COLUMNS);
        RandomStream.of(1, "fresh", "w").fillGaussian(w);
        QuantizedMatrix base = DenseMatrix.of(w, DType.F32);
        SumMatrix sum = fresh(base, "a");
        assertThat(sum.format()).isEqualTo("f32+r9-f16");
        assertThat(values(sum)).containsExactly(values(base));
        assertThat(values(sum.left())).containsOnly(0);
        double bound = 1 / Math.sqrt(COLUMNS);
        double squares = 0;
        for (float value : values(sum.right())) {
            assertThat(Math.abs(value)).isLessThanOrEqualTo((float) (bound * (1 + 0x1p-11)));
            squares += (double) value * value;
        }
        int count = RANK * COLUMNS;
        assertThat(squares / count / (bound * bound))
                .isBetween(1.0 / 3 - 4 * Math.sqrt(4.0 / 45 / count), 1.0 / 3 + 4 * Math.sqrt(4.0 / 45 / count));
        assertThat(values(fresh(base, "a").right())).containsExactly(values(sum.right()));
        assertThat(values(fresh(base, "b").right())).isNotEqualTo(values(sum.right()));
    }
}
