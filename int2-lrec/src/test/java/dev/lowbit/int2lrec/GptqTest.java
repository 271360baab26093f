package dev.lowbit.int2lrec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.NonFiniteWeightException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Cholesky;
import dev.lowbit.linalg.Norms;
import dev.lowbit.tensor.FloatMatrix;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GptqTest {
    private static final AffineGrid GRID = AffineGrid.of(3);

    private static GptqResult quantize(FloatMatrix weights, SecondMoment moment, GptqSettings settings) {
        return Gptq.quantize(weights, moment, settings, Workers.serial());
    }

    /**
     * The algorithm as the specification writes it, with H⁻¹ formed and one column at a time: the codes of fresh groups, or of groups that
     * start with
     * blocks.
     */
    private static byte[] textbook(FloatMatrix w, SecondMoment moment, AffineGrid grid, int groupSize) {
        int n = w.columns();
        double[] h = new double[n * n];
        double mean = 0;
        for (int i = 0; i < n * n; i++) {
            h[i] = 2.0 / moment.sequences() * moment.values()[i];
        }
        for (int j = 0; j < n; j++) {
            h[j * n + j] = moment.dead(j) ? 1 : h[j * n + j];
            mean += h[j * n + j] / n;
        }
        for (int j = 0; j < n; j++) {
            h[j * n + j] += 0.01 * mean;
        }
        double[] inverse = ((Cholesky) Cholesky.of(h, n)).inverse();
        double[] lower = ((Cholesky) Cholesky.of(inverse, n)).lower();
        byte[] codes = new byte[w.rows() * n];
        for (int i = 0; i < w.rows(); i++) {
            double[] row = new double[n];
            for (int j = 0; j < n; j++) {
                row[j] = moment.dead(j) ? 0 : w.get(i, j);
            }
            AffineGrid.Group group = null;
            for (int j = 0; j < n; j++) {
                if (j % groupSize == 0) {
                    float[] values = new float[Math.min(groupSize, n - j)];
                    for (int k = 0; k < values.length; k++) {
                        values[k] = (float) row[j + k];
                    }
                    group = grid.fit(values, 0, values.length);
                }
                int code = grid.quantize((float) row[j], group);
                codes[i * n + j] = (byte) code;
                double error = (row[j] - group.value(code)) / lower[j * n + j];
                for (int k = j; k < n; k++) {
                    row[k] -= error * lower[k * n + j];
                }
            }
        }
        return codes;
    }

    @ParameterizedTest
    @CsvSource({"1, 1, 1", "5, 3, 2", "50, 20, 7", "49, 128, 128", "97, 130, 128", "10, 300, 128", "10, 300, 256"})
    void codesAreThoseOfTheTextbook(int rows, int columns, int groupSize) {
        FloatMatrix weights = Layers.gaussian(rows, columns, 1);
        SecondMoment moment = Layers.moment(columns, 2);
        GptqResult result = quantize(
                weights, moment, GptqSettings.published(GRID, groupSize).fresh());
        // A value at a tie may fall to either side of it.
        assertThat(Golden.agreement(result.codes().codes(), textbook(weights, moment, GRID, groupSize)))
                .isGreaterThanOrEqualTo(0.999);
        double error = Layers.error(weights, result.codes(), moment);
        assertThat(result.layerError()).isCloseTo(error, within(1e-6 * error));
    }

    @Test
    void freshGroupsMatterOnlyInsideBlocks() {
        FloatMatrix weights = Layers.gaussian(20, 512, 3);
        SecondMoment moment = Layers.moment(512, 4);
        GptqSettings wide = GptqSettings.published(GRID, 256);
        assertThat(quantize(weights, moment, wide).codes().codes())
                .isEqualTo(quantize(weights, moment, wide.fresh()).codes().codes());
        GptqSettings narrow = GptqSettings.published(GRID, 32);
        assertThat(quantize(weights, moment, narrow).codes().codes())
                .isNotEqualTo(quantize(weights, moment, narrow.fresh()).codes().codes());
    }

    @Test
    void muchDampingIsRounding() {
        FloatMatrix weights = Layers.gaussian(30, 100, 5);
        GptqSettings settings = new GptqSettings(GRID, 32, false, true, false, 1e12, 128);
        assertThat(quantize(weights, Layers.moment(100, 6), settings).codes().codes())
                .isEqualTo(RoundToNearest.quantize(weights, 32, GRID, Workers.serial())
                        .codes());
    }

    @Test
    void columnsByFallingDiagonal() {
        FloatMatrix weights = Layers.gaussian(64, 96, 7);
        FloatMatrix inputs = Layers.inputs(300, 96, 8);
        for (int i = 0; i < 300; i++) {
            for (int j = 0; j < 96; j++) {
                inputs.set(i, j, inputs.get(i, j) * (j == 40 ? 0 : j % 11 + 0.1f));
            }
        }
        SecondMoment moment = SecondMoment.of(inputs, 1, Workers.serial());
        int[] order = SweepFactor.of(moment, true, 0.01, Workers.serial()).order();
        assertThat(order[95]).isEqualTo(40);
        for (int place = 1; place < 96; place++) {
            assertThat(moment.value(order[place], order[place]))
                    .isLessThanOrEqualTo(moment.value(order[place - 1], order[place - 1]));
        }
        GptqSettings settings = GptqSettings.published(GRID, 32);
        AffineCodes onTheWay =
                quantize(weights, moment, settings.actOrder(false)).codes();
        for (int place = 0; place < 96; place++) {
            assertThat(onTheWay.group(order[place])).isEqualTo(place / 32);
        }
        GptqResult fixed = quantize(weights, moment, settings.actOrder(true));
        assertThat(fixed.codes().groupIndex()).isEmpty();
        assertThat(fixed.layerError())
                .isLessThan(
                        Layers.error(weights, RoundToNearest.quantize(weights, 32, GRID, Workers.serial()), moment));
    }

    @Test
    void fewerTokensThanInputsDeadAndConstantColumnsAndZeroRows() {
        FloatMatrix inputs = Layers.inputs(20, 70, 9);
        FloatMatrix weights = Layers.gaussian(9, 70, 10);
        for (int i = 0; i < 20; i++) {
            inputs.set(i, 3, 0);
            inputs.set(i, 4, 2);
        }
        for (int j = 0; j < 70; j++) {
            weights.set(5, j, 0);
        }
        float[] before = weights.toArray();
        SecondMoment moment = SecondMoment.of(inputs, 1, Workers.serial());
        AffineGrid two = AffineGrid.of(2);
        for (GptqSettings settings : new GptqSettings[] {
            GptqSettings.published(two, 0), GptqSettings.published(two, 32).actOrder(true),
            GptqSettings.published(two, 32).fresh(), GptqSettings.published(two.searching(), 50)
        }) {
            GptqResult result = quantize(weights, moment, settings);
            assertThat(result.layerError()).isPositive().isFinite();
            for (int j = 0; j < 70; j++) {
                assertThat(result.codes().value(5, j)).isZero();
            }
            for (int i = 0; i < 9; i++) {
                assertThat(result.codes().value(i, 3)).isZero();
            }
        }
        assertThat(weights.toArray()).isEqualTo(before);
        // s = 2 / L, z = 1.5 rounded half to even.
        AffineCodes codes =
                quantize(weights, moment, GptqSettings.published(two, 0)).codes();
        assertThat(codes.scales()[5]).isEqualTo(2f / 3);
        assertThat(codes.zeros()[5]).isEqualTo(2);
    }

    @Test
    void dampingIsRaisedUntilTheHessianCanBeFactored() {
        double[] indefinite = {1, 1.04, 1.04, 1};
        SecondMoment moment = new SecondMoment(2, indefinite, 10, 1);
        GptqResult result = quantize(Layers.gaussian(4, 2, 11), moment, GptqSettings.published(GRID, 0));
        assertThat(result.damping()).isEqualTo(0.1);
        SecondMoment hopeless = new SecondMoment(2, new double[] {1, 3, 3, 1}, 10, 1);
        assertThatThrownBy(() -> quantize(Layers.gaussian(4, 2, 11), hopeless, GptqSettings.published(GRID, 0)))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("not positive semidefinite");
        // Rank one, and so little damping that rounding swallows it.
        SecondMoment flat = new SecondMoment(2, new double[] {1, 1, 1, 1}, 10, 1);
        assertThat(quantize(
                                Layers.gaussian(4, 2, 11),
                                flat,
                                GptqSettings.published(GRID, 0).damping(1e-17))
                        .damping())
                .isGreaterThan(1e-17);
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, -1, Double.NaN, Double.POSITIVE_INFINITY})
    void dampingIsPositive(double damping) {
        GptqSettings settings = GptqSettings.published(GRID, 0);
        assertThatThrownBy(() -> settings.damping(damping)).isInstanceOf(InvalidRequestException.class);
    }

    @Test
    void refusals() {
        FloatMatrix weights = Layers.gaussian(4, 6, 1);
        weights.set(2, 5, Float.POSITIVE_INFINITY);
        SecondMoment moment = Layers.moment(6, 1);
        GptqSettings settings = GptqSettings.published(GRID, 0);
        assertThatThrownBy(() -> quantize(weights, moment, settings))
                .isInstanceOf(NonFiniteWeightException.class)
                .hasMessageContaining("row 2, column 5");
        assertThatThrownBy(() -> quantize(Layers.gaussian(4, 5, 1), moment, settings))
                .isInstanceOf(InvalidRequestException.class);
        assertThatThrownBy(() -> SecondMoment.of(FloatMatrix.allocate(0, 5), 1, Workers.serial()))
                .isInstanceOf(InvalidRequestException.class);
        FloatMatrix broken = Layers.gaussian(8, 3, 1);
        broken.set(4, 1, Float.NaN);
        assertThatThrownBy(() -> SecondMoment.of(broken, 1, Workers.serial()))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("(1, 0)");
        assertThatThrownBy(() -> new SecondMoment(2, new double[] {1, 0, 0.5, 1}, 1, 1))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("not symmetric");
        assertThatThrownBy(() -> new GptqSettings(GRID, 0, false, true, true, 0.01, 128))
                .isInstanceOf(InvalidRequestException.class);
        assertThatThrownBy(() -> new GptqSettings(GRID, 0, false, false, false, 0.01, 0))
                .isInstanceOf(InvalidRequestException.class);
    }

    @Test
    void sameBitsForAnyWorkersAndEveryRun() {
        FloatMatrix weights = Layers.gaussian(200, 150, 12);
        SecondMoment moment = Layers.moment(150, 13);
        GptqSettings settings = GptqSettings.published(GRID.searching(), 48).actOrder(false);
        GptqResult one = quantize(weights, moment, settings);
        assertSame(quantize(weights, moment, settings), one);
        Layers.withThreads(workers -> assertSame(Gptq.quantize(weights, moment, settings, workers), one));
    }

    private static void assertSame(GptqResult actual, GptqResult expected) {
        assertThat(actual.codes().codes()).isEqualTo(expected.codes().codes());
        assertThat(actual.codes().scales()).isEqualTo(expected.codes().scales());
        assertThat(actual.codes().zeros()).isEqualTo(expected.codes().zeros());
        assertThat(actual.layerError()).isEqualTo(expected.layerError());
        assertThat(actual.gptqError()).isEqualTo(expected.gptqError());
    }

    @ParameterizedTest
    @CsvSource({"0, 0.01", "16, 0.01", "16, 1e-4", "16, 0.5"})
    void reportedErrorsBelongTogether(int groupSize, double damping) {
        FloatMatrix weights = Layers.gaussian(30, 90, 16);
        SecondMoment moment = Layers.moment(90, 17);
        GptqResult result = quantize(
                weights, moment, GptqSettings.published(GRID, groupSize).damping(damping));
        FloatMatrix difference = Layers.residual(weights, result.codes());
        double distance = Norms.sumOfSquares(difference, Workers.serial());
        double lambda = damping * 2 * moment.meanDiagonal() / moment.sequences();
        double expected = result.layerError() / moment.sequences() + lambda * distance / 2;
        // Differences of floats, rounded; the run's own check has them in double and allows 1e-9.
        assertThat(result.gptqError()).isCloseTo(expected, within(1e-6 * expected));
        assertThatThrownBy(() ->
                        Gptq.requireIdentity(result.gptqError() * (1 + 1e-6), result.gptqError(), distance, moment))
                .isInstanceOf(IllegalStateException.class);
    }

    @Test
    void matricesWithoutRowsOrColumns() {
        assertThat(quantize(FloatMatrix.allocate(0, 5), Layers.moment(5, 1), GptqSettings.published(GRID, 2))
                        .gptqError())
                .isZero();
        SecondMoment none = new SecondMoment(0, new double[0], 1, 1);
        assertThat(quantize(FloatMatrix.allocate(3, 0), none, GptqSettings.published(GRID, 2))
                        .layerError())
                .isZero();
    }

    @Test
    void layerErrorIsThatOfTheOutputs() {
        FloatMatrix inputs = Layers.inputs(60, 130, 14);
        FloatMatrix difference = Layers.gaussian(50, 130, 15);
        double expected = 0;
        for (int token = 0; token < 60; token++) {
            for (int i = 0; i < 50; i++) {
                double output = 0;
                for (int j = 0; j < 130; j++) {
                    output += (double) inputs.get(token, j) * difference.get(i, j);
                }
                expected += output * output;
            }
        }
        SecondMoment moment = SecondMoment.of(inputs, 1, Workers.serial());
        assertThat(LayerError.of(difference, moment, Workers.serial())).isCloseTo(expected, within(1e-12 * expected));
    }

    @Test
    void oneBlockForAllColumnsIsTheWidthOfTheMatrix() {
        FloatMatrix weights = Layers.gaussian(9, 70, 5);
        SecondMoment moment = SecondMoment.of(Layers.gaussian(200, 70, 6), 1, Workers.serial());
        GptqSettings whole = new GptqSettings(GRID, 32, false, true, false, 0.01, 70);
        GptqSettings widest = new GptqSettings(GRID, 32, false, true, false, 0.01, Integer.MAX_VALUE);
        assertThat(quantize(weights, moment, widest).codes().codes())
                .isEqualTo(quantize(weights, moment, whole).codes().codes());
    }
}
