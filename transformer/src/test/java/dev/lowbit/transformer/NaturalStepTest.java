package dev.lowbit.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.linalg.RandomStream;
import dev.lowbit.tensor.FloatMatrix;
import org.junit.jupiter.api.Test;

class NaturalStepTest {
    private static final int ROWS = 3;
    private static final int COLUMNS = 5;
    private static final double RATE = 0.1;
    private static final Adam.Settings SETTINGS = new Adam.Settings(0.9, 0.99, 0, 0);

    private static FloatMatrix random(long seed) {
        FloatMatrix matrix = FloatMatrix.wrap(ROWS, COLUMNS, new float[ROWS * COLUMNS]);
        RandomStream.of(seed, "test", "").fillGaussian(matrix);
        return matrix;
    }

    /** The formula as the javadoc has it, every average as a sum over all steps: m = Σ β1^(t-s) (1-β1) G_s and so on. */
    @Test
    void stepsAreTheFormula() {
        int steps = 6;
        FloatMatrix values = random(99);
        double[] expected = new double[ROWS * COLUMNS];
        for (int i = 0; i < expected.length; i++) {
            expected[i] = values.get(i / COLUMNS, i % COLUMNS);
        }
        try (Adam adam = new Adam(SETTINGS)) {
            for (int t = 1; t <= steps; t++) {
                adam.naturalStep("w", values, random(t), RATE);
                for (int i = 0; i < ROWS; i++) {
                    for (int j = 0; j < COLUMNS; j++) {
                        expected[i * COLUMNS + j] -= step(t, i, j);
                    }
                }
            }
        }
        for (int i = 0; i < expected.length; i++) {
            // every step rounds the value, the mean and the squares to float
            assertThat((double) values.get(i / COLUMNS, i % COLUMNS))
                    .isCloseTo(expected[i], within(steps * 1e-5 * (1 + Math.abs(expected[i]))));
        }
    }

    private static double step(int t, int row, int column) {
        double mean = 0;
        double[] ofRows = new double[ROWS];
        double[] ofColumns = new double[COLUMNS];
        for (int s = 1; s <= t; s++) {
            FloatMatrix g = random(s);
            mean += Math.pow(0.9, t - s) * 0.1 * g.get(row, column) / (1 - Math.pow(0.9, t));
            double weight = Math.pow(0.99, t - s) * 0.01 / (1 - Math.pow(0.99, t));
            for (int i = 0; i < ROWS; i++) {
                for (int j = 0; j < COLUMNS; j++) {
                    ofRows[i] += weight * g.get(i, j) * g.get(i, j) / COLUMNS;
                    ofColumns[j] += weight * g.get(i, j) * g.get(i, j) / ROWS;
                }
            }
        }
        double square = (ofRows[0] + ofRows[1] + ofRows[2]) / ROWS;
        double curvature = ofRows[row] * ofColumns[column] / square + NaturalStep.DAMPING * square;
        return RATE * mean * Math.sqrt(square) / curvature;
    }

    /** Where no gradient ever comes from, nothing moves; a row whose gradients are tiny does not go far. */
    @Test
    void rowsWithoutGradientsStay() {
        FloatMatrix values = random(1);
        float[] before = values.toArray();
        FloatMatrix gradient = random(2);
        for (int j = 0; j < COLUMNS; j++) {
            gradient.set(0, j, 0);
            gradient.set(1, j, 1e-12f);
        }
        try (Adam adam = new Adam(SETTINGS)) {
            adam.naturalStep("w", values, gradient, RATE);
            adam.naturalStep("zero", random(3), FloatMatrix.wrap(ROWS, COLUMNS, new float[ROWS * COLUMNS]), RATE);
        }
        for (int j = 0; j < COLUMNS; j++) {
            assertThat(values.get(0, j)).isEqualTo(before[j]);
            assertThat(values.get(1, j)).isCloseTo(before[COLUMNS + j], within(1e-6f));
            assertThat(values.get(2, j)).isNotEqualTo(before[2 * COLUMNS + j]);
        }
        assertThat(values.toArray()).doesNotContain(Float.NaN);
    }
}
