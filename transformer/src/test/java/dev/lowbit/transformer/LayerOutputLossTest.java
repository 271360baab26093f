package dev.lowbit.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.block.BlockQuantizer;
import dev.lowbit.matrix.dense.DenseMatrix;
import dev.lowbit.matrix.dense.FloatWeights;
import dev.lowbit.matrix.sum.SumMatrix;
import dev.lowbit.method.Tunable;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import org.junit.jupiter.api.Test;

class LayerOutputLossTest {
    private static final Workers SERIAL = Workers.serial();

    private final RandomStream random = RandomStream.of(1, "test", "layer outputs");

    private FloatMatrix gaussian(int rows, int columns) {
        FloatMatrix m = FloatMatrix.wrap(rows, columns, new float[rows * columns]);
        random.fillGaussian(m);
        return m;
    }

    private static FloatMatrix like(FloatMatrix m) {
        return FloatMatrix.wrap(m.rows(), m.columns(), new float[m.rows() * m.columns()]);
    }

    @Test
    void isTheMeanOfSquaresAndItsDerivative() {
        FloatMatrix y = gaussian(37, 5);
        FloatMatrix t = gaussian(37, 5);
        FloatMatrix gradient = like(y);
        double loss = LayerOutputLoss.meanSquares(y, t, gradient, SERIAL);
        double expected = 0;
        for (int i = 0; i < 37; i++) {
            for (int j = 0; j < 5; j++) {
                double d = (double) y.get(i, j) - t.get(i, j);
                expected += d * d / (37 * 5);
                assertThat((double) gradient.get(i, j)).isCloseTo(2 * d / (37 * 5), within(1e-8));
            }
        }
        assertThat(loss).isCloseTo(expected, within(1e-12));
        assertThat(LayerOutputLoss.meanSquares(y, t, y, SERIAL)).isEqualTo(loss);
        assertThat(y.toArray()).isEqualTo(gradient.toArray());
    }

    @Test
    void tunesTheFactorsOfOneLayer() {
        FloatMatrix x = gaussian(64, 24);
        FloatMatrix w = gaussian(16, 24);
        FloatMatrix targets = like(gaussian(64, 16));
        new FloatWeights(w).multiply(x, targets, SERIAL);
        SumMatrix sum = SumMatrix.of(
                BlockQuantizer.quantize(w, BlockFormat.parse("nf2-g64-f16"), SERIAL),
                DenseMatrix.of(like(gaussian(2, 16)), DType.F32),
                DenseMatrix.of(gaussian(2, 24), DType.F32));
        FloatMatrix y = like(targets);
        FloatMatrix dy = like(targets);
        try (Tunable tunable = Tunable.of(sum, Tunable.Extent.LOW_RANK, SERIAL).orElseThrow();
                Adam adam = new Adam(Adam.Settings.standard())) {
            double first = Double.NaN;
            double last = Double.NaN;
            for (int step = 0; step < 100; step++) {
                tunable.matrix().multiply(x, y, SERIAL);
                last = LayerOutputLoss.meanSquares(y, targets, dy, SERIAL);
                first = step == 0 ? last : first;
                tunable.accumulate(x, dy, SERIAL);
                tunable.parts().forEach(part -> {
                    adam.step(part.name(), part.values(), part.gradient(), 0.02);
                    part.gradient().segment().fill((byte) 0);
                });
            }
            // two of sixteen directions of the error are within reach of rank 2, and they hold more than their share
            assertThat(last).isLessThan(0.85 * first);
        }
    }

    @Test
    void shapesMustAgree() {
        assertThatThrownBy(() -> LayerOutputLoss.meanSquares(gaussian(2, 3), gaussian(3, 2), gaussian(2, 3), SERIAL))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("2 x 3");
    }
}
