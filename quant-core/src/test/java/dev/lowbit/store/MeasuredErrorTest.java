package dev.lowbit.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.dense.DenseMatrix;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MeasuredErrorTest {
    private static FloatMatrix random(int rows, int columns, long seed) {
        Random random = new Random(seed);
        float[] values = new float[rows * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return FloatMatrix.wrap(rows, columns, values);
    }

    /** Shapes below, at and above one panel, and a row longer than a panel. */
    @ParameterizedTest
    @CsvSource({"1,1", "5,7", "1024,1024", "1025,1024", "700,3001", "2,1100000"})
    void agreesWithTheDefinitionForAnyWorkers(int rows, int columns) {
        FloatMatrix weights = random(rows, columns, 1);
        FloatMatrix fisher = random(rows, columns, 2);
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                fisher.set(i, j, Math.abs(fisher.get(i, j)));
            }
        }
        QuantizedMatrix stored = DenseMatrix.of(weights, DType.BF16);
        double error = 0;
        double norm = 0;
        double weighted = 0;
        try (FloatMatrix restored = FloatMatrix.allocate(rows, columns)) {
            stored.dequantize(0, restored, Workers.serial());
            for (int i = 0; i < rows; i++) {
                for (int j = 0; j < columns; j++) {
                    double d = (double) weights.get(i, j) - restored.get(i, j);
                    error += d * d;
                    norm += (double) weights.get(i, j) * weights.get(i, j);
                    weighted += fisher.get(i, j) * d * d;
                }
            }
        }
        MeasuredError plain = MeasuredError.of(weights, stored, Importance.uniform(), Workers.serial());
        // positive terms: each order of n double additions is within n * 2^-53 of the exact sum
        double tolerance = 2.0 * rows * columns * 0x1p-53;
        assertThat(plain.squaredError()).isCloseTo(error, within(tolerance * error));
        assertThat(plain.squaredNorm()).isCloseTo(norm, within(tolerance * norm));
        assertThat(plain.weightedError()).isEqualTo(plain.squaredError());
        MeasuredError withFisher = MeasuredError.of(weights, stored, Importance.diagonal(fisher), Workers.serial());
        assertThat(withFisher.weightedError()).isCloseTo(weighted, within(tolerance * weighted));
        try (ExecutorService executor = Executors.newFixedThreadPool(2)) {
            for (int parallelism = 2; parallelism <= 3; parallelism++) {
                assertThat(MeasuredError.of(
                                weights, stored, Importance.diagonal(fisher), Workers.on(executor, parallelism)))
                        .isEqualTo(withFisher);
            }
        }
    }

    @Test
    void relativeErrorIsAlwaysANumber() {
        assertThat(new MeasuredError(0, 0, 0).relativeError()).isZero();
        assertThat(new MeasuredError(0, 4, 0).relativeError()).isZero();
        assertThat(new MeasuredError(1, 4, 1).relativeError()).isEqualTo(0.5);
        assertThat(new MeasuredError(1, 0, 1).relativeError()).isEqualTo(Double.MAX_VALUE);
    }

    @Test
    void refusesWhatIsNoError() {
        assertThatThrownBy(() -> new MeasuredError(Double.NaN, 1, 1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new MeasuredError(1, Double.POSITIVE_INFINITY, 1))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new MeasuredError(1, 1, -1)).isInstanceOf(IllegalArgumentException.class);
        QuantizedMatrix stored = DenseMatrix.of(random(2, 3, 1), DType.F32);
        assertThatThrownBy(() -> MeasuredError.of(random(3, 2, 1), stored, Importance.uniform(), Workers.serial()))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
