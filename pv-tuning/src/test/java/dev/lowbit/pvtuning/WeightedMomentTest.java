package dev.lowbit.pvtuning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import org.junit.jupiter.api.Test;

class WeightedMomentTest {
    private static final Workers SERIAL = Workers.serial();
    private static final int ROWS = 6;
    private static final int COLUMNS = 12;

    private static FloatMatrix matrix(Value value) {
        FloatMatrix matrix = FloatMatrix.wrap(ROWS, COLUMNS, new float[ROWS * COLUMNS]);
        for (int i = 0; i < ROWS; i++) {
            for (int j = 0; j < COLUMNS; j++) {
                matrix.set(i, j, (float) value.of(i, j));
            }
        }
        return matrix;
    }

    private interface Value {
        double of(int row, int column);
    }

    /** A product of one factor for each row and one for each column is what a moment for all rows can say; the unit is that of the importance. */
    @Test
    void aFisherDiagonalOfRankOneIsKept() {
        FloatMatrix fisher = matrix((i, j) -> 3e-4 * (1 + i) * (1 + j % 5));
        FloatMatrix weights = matrix((i, j) -> Math.sin(1 + 3 * i + 7 * j));
        Importance importance = Importance.diagonal(fisher);
        WeightedMoment moment = WeightedMoment.of(importance, ROWS, COLUMNS, SERIAL);
        double error = moment.unit()
                * moment.problem(weights, new CodeShape(1, 4, 4), SERIAL).energy();
        double expected = importance.of(weights, SERIAL);
        // floats: F and W are rounded, and their sums are in double precision
        assertThat(error).isCloseTo(expected, within(1e-6 * expected));
    }

    /** Without pairs of inputs there are no inputs x inputs: for so many no array could hold them. */
    @Test
    void manyInputsWithoutPairsTakeNoSquare() {
        int inputs = 1 << 16;
        FloatMatrix weights = FloatMatrix.wrap(1, inputs, new float[inputs]);
        weights.set(0, 70, 3);
        LayerProblem problem = WeightedMoment.of(Importance.uniform(), 1, inputs, SERIAL)
                .problem(weights, new CodeShape(1, 4, 4), SERIAL);
        assertThat(problem.energy()).isEqualTo(9);
    }

    @Test
    void anImportanceOfNothingCountsAllAlike() {
        WeightedMoment moment = WeightedMoment.of(Importance.diagonal(matrix((i, j) -> 0)), ROWS, COLUMNS, SERIAL);
        FloatMatrix weights = matrix((i, j) -> i == 2 && j == 3 ? 2 : 0);
        assertThat(moment.problem(weights, new CodeShape(1, 4, 4), SERIAL).energy())
                .isEqualTo(4);
    }
}
