package dev.lowbit.int2lrec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.LowRank;
import dev.lowbit.tensor.FloatMatrix;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class LayerObjectiveTest {
    private static double[] gaussian(int length, long seed) {
        float[] floats = Layers.gaussian(1, length, seed).toArray();
        double[] values = new double[length];
        for (int i = 0; i < length; i++) {
            values[i] = floats[i];
        }
        return values;
    }

    @ParameterizedTest
    @EnumSource(LayerObjective.Loss.class)
    void gradientsAreFiniteDifferences(LayerObjective.Loss loss) {
        int m = 7;
        int n = 11;
        int r = 3;
        LayerObjective objective =
                new LayerObjective(Layers.gaussian(m, n, 1), Layers.moment(n, 2), 1.5, loss, Workers.serial());
        double[] left = gaussian(m * r, 3);
        double[] right = gaussian(r * n, 4);
        LayerObjective.Evaluation at = objective.evaluate(left, right);
        compare(at.left(), left, () -> objective.evaluate(left, right).loss());
        compare(at.right(), right, () -> objective.evaluate(left, right).loss());
    }

    private static void compare(double[] gradient, double[] values, java.util.function.DoubleSupplier loss) {
        double step = 1e-5;
        for (int i = 0; i < values.length; i++) {
            double value = values[i];
            values[i] = value + step;
            double up = loss.getAsDouble();
            values[i] = value - step;
            double down = loss.getAsDouble();
            values[i] = value;
            // Third derivatives times step², and the rounding of a loss of some hundreds over 2 steps.
            assertThat((up - down) / (2 * step)).isCloseTo(gradient[i], within(1e-6 * (1 + Math.abs(gradient[i]))));
        }
    }

    @Test
    void withoutAnErrorThereIsNoGradient() {
        LayerObjective objective = new LayerObjective(
                FloatMatrix.allocate(3, 4), Layers.moment(4, 1), 1, LayerObjective.Loss.NORM, Workers.serial());
        LayerObjective.Evaluation at = objective.evaluate(new double[6], gaussian(8, 1));
        assertThat(at.loss()).isZero();
        assertThat(at.left()).containsOnly(0);
        assertThat(at.right()).containsOnly(0);
        assertThatThrownBy(() -> new LayerObjective(
                        FloatMatrix.allocate(3, 4), Layers.moment(4, 1), 0, LayerObjective.Loss.NORM, Workers.serial()))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void theBestStateIsKeptAndALossThatIsNotFiniteEndsTheRun() {
        FloatMatrix residual = Layers.gaussian(6, 8, 5);
        LayerObjective objective =
                new LayerObjective(residual, Layers.moment(8, 6), 2, LayerObjective.Loss.SQUARED, Workers.serial());
        AdapterTraining wild = AdapterTraining.random(objective, 2, Layers.stream(), 1e3, 0);
        GradientCorrection correction = GradientCorrection.run(objective, wild, 20);
        try (LowRank factors = correction.factors()) {
            assertThat(correction.losses()).hasSize(21);
            assertThat(correction.losses()[20]).isGreaterThan(correction.losses()[0]);
            assertThat(factors.left().toArray()).containsOnly(0);
        }
        AdapterTraining broken = AdapterTraining.random(objective, 2, Layers.stream(), Double.MAX_VALUE, 0);
        GradientCorrection stopped = GradientCorrection.run(objective, broken, 20);
        try (LowRank factors = stopped.factors()) {
            assertThat(stopped.losses().length).isLessThan(21);
            assertThat(factors.left().toArray()).containsOnly(0);
        }
    }
}
