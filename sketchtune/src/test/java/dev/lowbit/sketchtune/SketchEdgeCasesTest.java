package dev.lowbit.sketchtune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.NonFiniteWeightException;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.sketch.SketchMatrix;
import dev.lowbit.matrix.sketch.TableFormat;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class SketchEdgeCasesTest {
    private static final Workers SERIAL = Workers.serial();
    private static final TableFormat F32 = new TableFormat.Direct(DType.F32);

    private static FloatMatrix matrix(int rows, int columns) {
        FloatMatrix m = FloatMatrix.wrap(rows, columns, new float[rows * columns]);
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                m.set(i, j, (float) Math.sin(1 + i * i + 3 * j + i * j));
            }
        }
        return m;
    }

    private static LayerSketch sketch(FloatMatrix weights, FloatMatrix inputs, SketchSettings settings) {
        return LayerSketcher.sketch(weights, inputs, settings, SERIAL);
    }

    @Test
    void constantAndZeroRowsAreExact() {
        FloatMatrix weights = matrix(3, 12);
        for (int j = 0; j < 12; j++) {
            weights.set(0, j, 0);
            weights.set(1, j, -2.5f);
        }
        for (SketchSettings settings : Arrays.asList(SketchSettings.of(3, 2), SketchSettings.published(2))) {
            SketchMatrix matrix = sketch(weights, matrix(30, 12), settings).matrix(F32);
            FloatMatrix decoded = FloatMatrix.wrap(3, 12, new float[36]);
            matrix.dequantize(0, decoded, SERIAL);
            for (int j = 0; j < 12; j++) {
                assertThat(decoded.get(0, j)).isZero();
                assertThat(decoded.get(1, j)).isCloseTo(-2.5f, within(1e-6f));
                assertThat(decoded.get(2, j)).isFinite();
            }
        }
    }

    /** Nothing depends on the weights of an input that is always zero. */
    @Test
    void deadInputsTakeTheEntryNearestToZero() {
        FloatMatrix weights = matrix(4, 10);
        FloatMatrix inputs = matrix(40, 10);
        for (int t = 0; t < 40; t++) {
            inputs.set(t, 3, 0);
        }
        weights.set(2, 3, 1000);
        LayerSketch sketch = sketch(weights, inputs, SketchSettings.of(2, 1).withRefits(0));
        for (int i = 0; i < 4; i++) {
            int table = 4 * i;
            float smallest = Float.POSITIVE_INFINITY;
            for (int c = 0; c < 4; c++) {
                smallest = Math.min(smallest, Math.abs(sketch.tables()[table + c]));
            }
            assertThat(Math.abs(sketch.tables()[table + sketch.codes()[i * 10 + 3]]))
                    .isEqualTo(smallest);
        }
        assertThat(Math.abs(sketch.tables()[8])).isLessThan(10);
    }

    @Test
    void fewTokensAreToldAndASingularHessianIsDampedMore() {
        LayerSketch sketch = sketch(matrix(3, 16), matrix(2, 16), SketchSettings.of(2, 1));
        assertThat(sketch.tokens()).isEqualTo(2);
        assertThat(sketch.damping()).isEqualTo(0.1);
        SketchSettings undamped = new SketchSettings(2, 1, SketchSettings.Start.EXACT, 2, 1e-18, true, 1);
        assertThat(sketch(matrix(3, 16), matrix(2, 16), undamped).damping()).isGreaterThan(1e-17);
        for (float entry : sketch.tables()) {
            assertThat(entry).isFinite();
        }
    }

    @Test
    void oneWeightAndOneToken() {
        LayerSketch sketch = sketch(matrix(1, 1), matrix(1, 1), SketchSettings.of(4, 1));
        assertThat(sketch.error(matrix(1, 1), matrix(1, 1), SERIAL)).isLessThan(1e-12);
    }

    @Test
    void badInputIsRefusedBeforeAnyWork() {
        FloatMatrix weights = matrix(3, 8);
        weights.set(1, 5, Float.NaN);
        assertThatThrownBy(() -> sketch(weights, matrix(9, 8), SketchSettings.of(2, 1)))
                .isInstanceOf(NonFiniteWeightException.class)
                .hasMessageContaining("row 1, column 5");
        FloatMatrix inputs = matrix(9, 8);
        inputs.set(7, 2, Float.POSITIVE_INFINITY);
        assertThatThrownBy(() -> sketch(matrix(3, 8), inputs, SketchSettings.of(2, 1)))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("input 2 of token 7");
        assertThatThrownBy(() -> sketch(matrix(3, 8), matrix(9, 8), SketchSettings.of(2, 3)))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("8 columns do not make 3 equal groups");
        assertThatThrownBy(() -> sketch(matrix(3, 8), matrix(9, 7), SketchSettings.of(2, 1)))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("8 inputs needs tokens of as many");
        assertThatThrownBy(() -> SketchSettings.of(5, 1)).hasMessageContaining("2 to 4 bits");
        assertThatThrownBy(() -> new SketchSettings(2, 1, SketchSettings.Start.EXACT, 2, 0, true, 1))
                .hasMessageContaining("damping is above 0");
        assertThatThrownBy(() -> SketchSettings.of(2, 1).withRefits(-1)).hasMessageContaining("not negative");
    }

    @Test
    void anUpdateOfTheTablesIsHeldWhole() {
        SketchMatrix sketch =
                sketch(matrix(6, 24), matrix(50, 24), SketchSettings.of(2, 2)).matrix(F32);
        FloatMatrix update = FloatMatrix.wrap(6, 24, new float[144]);
        sketch.dequantize(0, update, SERIAL);
        UpdateAnalysis own = UpdateAnalysis.of(update, sketch);
        assertThat(own.sketch()).isCloseTo(1, within(1e-6));
        assertThat(own.rank()).isEqualTo(6 * 2 * 4 / (6 + 24));
        FloatMatrix outer = FloatMatrix.wrap(6, 24, new float[144]);
        for (int i = 0; i < 144; i++) {
            outer.set(i / 24, i % 24, (float) (Math.cos(i / 24) * Math.sin(7 * (i % 24))));
        }
        UpdateAnalysis rankOne = UpdateAnalysis.of(outer, sketch);
        assertThat(rankOne.lowRank()).isCloseTo(1, within(1e-6));
        assertThat(rankOne.sketch()).isLessThan(1);
    }

    /** More entries in a row than an array holds the squares of. */
    @Test
    void manyGroupsWithoutPairsOfWeightsTakeNoSquares() {
        FloatMatrix weights = matrix(1, 1 << 18);
        Sketch sketch = Sketch.empty(1, 1 << 18, 1 << 14, 4);
        SketchLearner.learn(new WeightedObjective(weights, Importance.uniform(), SERIAL), sketch, 1);
        double error = 0;
        for (int j = 0; j < sketch.columns(); j++) {
            double d = weights.get(0, j) - sketch.weight(0, j);
            error += d * d;
        }
        assertThat(error).isLessThan(0.05 * sketch.columns());
    }

    /** So many nearly equal weights that a value without any is lost in their sum, unless it has a few of its last places. */
    @Test
    void aValueOfNoWeightAmongManyHasACentre() {
        int count = 40_000;
        float[] values = new float[count];
        double[] weights = new double[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) Math.sin(i);
            weights[i] = 1 + 1e-3 * Math.cos(i);
        }
        values[0] = 1.5f;
        weights[0] = 0;
        double[] centres = new ExactClustering().centres(new Clustering.Points(values, weights, 0, count), 16);
        assertThat(Arrays.stream(centres)).allMatch(centre -> centre >= -1 && centre <= 1.5);
    }
}
