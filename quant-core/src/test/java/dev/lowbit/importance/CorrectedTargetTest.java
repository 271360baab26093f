package dev.lowbit.importance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.tensor.FloatMatrix;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Tag("kernels")
class CorrectedTargetTest {
    private static final double DAMPING = 0.01;

    /** Tokens of inputs x, of changed inputs x̂, and their moments. */
    private record Inputs(FloatMatrix x, FloatMatrix changed, FloatMatrix moment, FloatMatrix shift) {
        static Inputs of(int tokens, int n, double change) {
            FloatMatrix x = random(tokens, n, "x");
            FloatMatrix noise = random(tokens, n, "noise");
            FloatMatrix changed = FloatMatrix.allocate(tokens, n);
            for (int t = 0; t < tokens; t++) {
                for (int j = 0; j < n; j++) {
                    // shrunk as well as noisy, as compressed layers give them
                    changed.set(t, j, (float) ((1 - change) * x.get(t, j) + change * noise.get(t, j)));
                }
            }
            FloatMatrix moment = FloatMatrix.allocate(n, n);
            FloatMatrix shift = FloatMatrix.allocate(n, n);
            for (int i = 0; i < n; i++) {
                for (int j = 0; j < n; j++) {
                    double h = 0;
                    double d = 0;
                    for (int t = 0; t < tokens; t++) {
                        h += (double) changed.get(t, i) * changed.get(t, j);
                        d += ((double) x.get(t, i) - changed.get(t, i)) * changed.get(t, j);
                    }
                    moment.set(i, j, (float) (h / tokens));
                    shift.set(i, j, (float) (d / tokens));
                }
            }
            return new Inputs(x, changed, moment, shift);
        }
    }

    private static FloatMatrix random(int rows, int columns, String purpose) {
        RandomStream random = RandomStream.of(5, purpose, "matrix");
        FloatMatrix matrix = FloatMatrix.allocate(rows, columns);
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                matrix.set(i, j, (float) random.nextGaussian());
            }
        }
        return matrix;
    }

    private static double loss(FloatMatrix w, FloatMatrix x, FloatMatrix v, FloatMatrix changed) {
        double sum = 0;
        for (int t = 0; t < x.rows(); t++) {
            for (int i = 0; i < w.rows(); i++) {
                double difference = 0;
                for (int j = 0; j < x.columns(); j++) {
                    difference += (double) w.get(i, j) * x.get(t, j) - (double) v.get(i, j) * changed.get(t, j);
                }
                sum += difference * difference;
            }
        }
        return sum / x.rows();
    }

    /** V (H + d I) = W (H + D + d I), row by row in double. */
    @ParameterizedTest
    @CsvSource({"40,1,1,0.3", "60,7,3,0.1", "200,33,20,0.5", "5,12,4,0.2"})
    void solvesTheNormalEquations(int tokens, int n, int m, double change) {
        Inputs inputs = Inputs.of(tokens, n, change);
        FloatMatrix w = random(m, n, "w");
        FloatMatrix v = CorrectedTarget.of(w, inputs.moment, inputs.shift, DAMPING, Workers.serial());
        double mean = 0;
        for (int j = 0; j < n; j++) {
            mean += inputs.moment.get(j, j) / n;
        }
        for (int i = 0; i < m; i++) {
            for (int j = 0; j < n; j++) {
                double left = 0;
                double right = 0;
                double size = 0;
                for (int k = 0; k < n; k++) {
                    double h = inputs.moment.get(k, j) + (k == j ? DAMPING * mean : 0);
                    left += v.get(i, k) * h;
                    right += w.get(i, k) * (h + inputs.shift.get(k, j));
                    size += Math.abs(v.get(i, k) * h) + Math.abs(w.get(i, k) * inputs.shift.get(k, j));
                }
                // V and W D are rounded to floats; the solution itself is in double
                assertThat(left).isCloseTo(right, within(n * 0x1p-23 * size));
            }
        }
    }

    @Test
    void comesNearerToTheOutputsOfTheModel() {
        Inputs inputs = Inputs.of(400, 24, 0.3);
        FloatMatrix w = random(16, 24, "w");
        FloatMatrix v = CorrectedTarget.of(w, inputs.moment, inputs.shift, DAMPING, Workers.serial());
        double before = loss(w, inputs.x, w, inputs.changed);
        // x̂ = 0.7 x + 0.3 noise loses 0.09 + 0.09 of the variance of x; the best multiple of x̂ loses 1 - 0.49 / 0.58,
        // and no fit loses more
        assertThat(loss(w, inputs.x, v, inputs.changed)).isLessThan((1 - 0.49 / 0.58) / 0.18 * before);
    }

    @Test
    void unchangedInputsChangeNoBit() {
        Inputs inputs = Inputs.of(50, 9, 0);
        FloatMatrix w = random(4, 9, "w");
        FloatMatrix none = FloatMatrix.allocate(9, 9);
        FloatMatrix v = CorrectedTarget.of(w, inputs.moment, none, DAMPING, Workers.serial());
        assertThat(v.toArray()).isEqualTo(w.toArray());
    }

    @Test
    void threadsChangeNoBit() {
        Inputs inputs = Inputs.of(100, 30, 0.2);
        FloatMatrix w = random(11, 30, "w");
        FloatMatrix one = CorrectedTarget.of(w, inputs.moment, inputs.shift, DAMPING, Workers.serial());
        try (ExecutorService executor = Executors.newFixedThreadPool(2)) {
            FloatMatrix three = CorrectedTarget.of(w, inputs.moment, inputs.shift, DAMPING, Workers.on(executor, 3));
            assertThat(three.toArray()).isEqualTo(one.toArray());
        }
    }

    @Test
    void refusesWhatIsNoSecondMoment() {
        FloatMatrix moment = FloatMatrix.wrap(2, 2, new float[] {1, 3, 3, 1});
        FloatMatrix w = random(2, 2, "w");
        assertThatThrownBy(() -> CorrectedTarget.of(w, moment, moment, DAMPING, Workers.serial()))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("not positive definite");
    }
}
