package dev.lowbit.int2lrec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.NonFiniteWeightException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Cholesky;
import dev.lowbit.linalg.ExactSvd;
import dev.lowbit.linalg.LowRank;
import dev.lowbit.tensor.FloatMatrix;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class LowRankCorrectionTest {
    private static LowRankCorrection correct(
            FloatMatrix residual, SecondMoment moment, float[] outputs, LowRankSettings settings) {
        return LowRankCorrection.of(residual, moment, outputs, settings, Layers.stream(), Workers.serial());
    }

    private static FloatMatrix residual(int rows, int columns) {
        FloatMatrix weights = Layers.gaussian(rows, columns, 21);
        return Layers.residual(weights, RoundToNearest.quantize(weights, 32, AffineGrid.of(2), Workers.serial()));
    }

    /** Σ_{i>r} σ² of O^½ E L with L Lᵀ = XᵀX, by Jacobi rotations. */
    private static double optimum(FloatMatrix residual, SecondMoment moment, float[] outputs, int rank) {
        int n = moment.n();
        double[] lower = ((Cholesky) Cholesky.of(moment.values(), n)).lower();
        FloatMatrix product = FloatMatrix.allocate(residual.rows(), n);
        for (int i = 0; i < residual.rows(); i++) {
            for (int j = 0; j < n; j++) {
                double sum = 0;
                for (int k = j; k < n; k++) {
                    sum += residual.get(i, k) * lower[k * n + j];
                }
                product.set(i, j, (float) (sum * (outputs == null ? 1 : Math.sqrt(outputs[i]))));
            }
        }
        double left = ExactSvd.of(product).residual(rank);
        return left * left;
    }

    /** What is not asked for is not computed: factors alone, and plain ones without the moment, are those of the whole answer. */
    @ParameterizedTest
    @CsvSource({"40, 60", "300, 40", "270, 290"})
    void factorsAloneAreTheSame(int rows, int columns) {
        FloatMatrix residual = residual(rows, columns);
        SecondMoment moment = Layers.moment(columns, 22);
        float[] outputs = new float[rows];
        for (int i = 0; i < rows; i++) {
            outputs[i] = 0.25f + i % 5;
        }
        for (LowRankSettings settings : new LowRankSettings[] {LowRankSettings.weighted(5), LowRankSettings.plain(5)}) {
            SecondMoment needed = settings.weighted() ? moment : null;
            try (LowRankCorrection whole = correct(residual, moment, outputs, settings);
                    LowRank alone = LowRankCorrection.factors(
                            residual, needed, outputs, settings, Layers.stream(), Workers.serial())) {
                assertThat(alone.left().toArray())
                        .isEqualTo(whole.factors().left().toArray());
                assertThat(alone.right().toArray())
                        .isEqualTo(whole.factors().right().toArray());
            }
            int[] ranks = {0, 2, 5};
            assertThat(LowRankCorrection.remaining(
                            residual, needed, outputs, ranks, settings, Layers.stream(), Workers.serial()))
                    .isEqualTo(LowRankCorrection.remaining(
                            residual, moment, outputs, ranks, settings, Layers.stream(), Workers.serial()));
        }
    }

    @ParameterizedTest
    @CsvSource({"40, 60, 5, 1e-5", "300, 40, 7, 1e-5", "270, 290, 24, 1e-2", "260, 20, 3, 1e-5"})
    void reachesTheOptimum(int rows, int columns, int rank, double share) {
        FloatMatrix residual = residual(rows, columns);
        SecondMoment moment = Layers.moment(columns, 22);
        float[] outputs = new float[rows];
        for (int i = 0; i < rows; i++) {
            outputs[i] = 0.25f + i % 5;
        }
        for (float[] weights : new float[][] {null, outputs}) {
            double expected = optimum(residual, moment, weights, rank);
            try (LowRankCorrection correction = correct(
                    residual, moment, weights, LowRankSettings.weighted(rank).damping(0))) {
                assertThat(correction.error()).isBetween(expected * (1 - 1e-5), expected * (1 + share));
                assertThat(correction.error()).isLessThan(correction.baseError());
                assertThat(correction.optimum()).isCloseTo(correction.error(), within(1e-5 * correction.error()));
                assertThat(LowRankCorrection.remaining(
                                residual,
                                moment,
                                weights,
                                new int[] {0, rank},
                                LowRankSettings.weighted(0).damping(0),
                                Layers.stream(),
                                Workers.serial()))
                        .containsExactly(
                                new double[] {correction.baseError(), correction.optimum()},
                                within(1e-6 * correction.baseError()));
            }
        }
    }

    /** The product with M Mᵀ squares the residual: 2^100 is what weights may be. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void hugeResidualsAreCorrectedLikeAnyOther(boolean weighted) {
        FloatMatrix residual = residual(270, 290);
        FloatMatrix huge = FloatMatrix.allocate(270, 290);
        for (int i = 0; i < 270; i++) {
            for (int j = 0; j < 290; j++) {
                huge.set(i, j, 0x1p98f * residual.get(i, j));
            }
        }
        SecondMoment moment = Layers.moment(290, 22);
        LowRankSettings settings = weighted ? LowRankSettings.weighted(5) : LowRankSettings.plain(5);
        try (LowRankCorrection usual = correct(residual, moment, null, settings);
                LowRankCorrection large = correct(huge, moment, null, settings)) {
            assertThat(large.error() * 0x1p-196).isCloseTo(usual.error(), within(1e-6 * usual.error()));
        }
    }

    @Test
    void anOutputWithoutWeightIsLeftAlone() {
        FloatMatrix residual = residual(20, 30);
        float[] outputs = new float[20];
        outputs[3] = 2;
        try (LowRankCorrection correction = correct(
                residual,
                Layers.moment(30, 1),
                outputs,
                LowRankSettings.weighted(1).damping(0))) {
            assertThat(correction.error()).isCloseTo(0, within(1e-9 * correction.baseError()));
            for (int i = 0; i < 20; i++) {
                assertThat(correction.factors().left().get(i, 0) != 0).isEqualTo(i == 3);
            }
        }
    }

    @Test
    void weightedIsNoWorseThanPlainAndBothFallWithTheRank() {
        FloatMatrix residual = residual(48, 64);
        SecondMoment moment = Layers.moment(64, 23);
        double before = Double.POSITIVE_INFINITY;
        for (int rank = 0; rank <= 48; rank += 3) {
            try (LowRankCorrection weighted = correct(
                            residual,
                            moment,
                            null,
                            LowRankSettings.weighted(rank).damping(0));
                    LowRankCorrection plain = correct(residual, moment, null, LowRankSettings.plain(rank))) {
                double rounding = 1e-9 * weighted.baseError();
                assertThat(weighted.error()).isLessThanOrEqualTo(plain.error() + rounding);
                assertThat(weighted.error()).isLessThanOrEqualTo(before + rounding);
                before = weighted.error();
            }
        }
    }

    @Test
    void noRankAndAllRank() {
        FloatMatrix residual = residual(12, 30);
        SecondMoment moment = Layers.moment(30, 24);
        try (LowRankCorrection none = correct(residual, moment, null, LowRankSettings.weighted(0));
                LowRankCorrection all = correct(residual, moment, null, LowRankSettings.weighted(99))) {
            assertThat(none.factors().rank()).isZero();
            assertThat(none.error()).isEqualTo(none.baseError());
            assertThat(all.factors().rank()).isEqualTo(12);
            assertThat(all.error()).isCloseTo(0, within(1e-9 * all.baseError()));
        }
        FloatMatrix nothing = FloatMatrix.allocate(12, 30);
        try (LowRankCorrection correction = correct(nothing, moment, null, LowRankSettings.weighted(4))) {
            assertThat(correction.error()).isZero();
            assertThat(correction.factors().left().toArray()).containsOnly(0);
        }
    }

    @Test
    void whereTheInputsHaveNothingTheCorrectionIsZero() {
        int n = 40;
        FloatMatrix inputs = Layers.inputs(25, n, 25);
        for (int i = 0; i < 25; i++) {
            inputs.set(i, 7, 0);
        }
        SecondMoment moment = SecondMoment.of(inputs, 1, Workers.serial());
        FloatMatrix residual = residual(30, n);
        for (double damping : new double[] {0, 0.01}) {
            try (LowRankCorrection correction =
                    correct(residual, moment, null, LowRankSettings.weighted(4).damping(damping))) {
                for (int k = 0; k < 4; k++) {
                    assertThat(correction.factors().right().get(k, 7)).isZero();
                }
            }
        }
        try (LowRankCorrection correction =
                correct(residual, moment, null, LowRankSettings.weighted(4).damping(0))) {
            assertThat(correction.error()).isCloseTo(correction.optimum(), within(1e-5 * correction.optimum()));
            // What of a row of A is orthogonal to all inputs: Gram and Schmidt over the tokens.
            double[][] basis = orthonormal(inputs);
            for (int k = 0; k < 4; k++) {
                double[] row = new double[n];
                double norm = 0;
                for (int j = 0; j < n; j++) {
                    row[j] = correction.factors().right().get(k, j);
                    norm += row[j] * row[j];
                }
                for (double[] direction : basis) {
                    subtractProjection(row, direction);
                }
                assertThat(dot(row, row)).isLessThan(1e-8 * norm);
            }
        }
    }

    @Test
    void aMomentRoundedToFloatsServesToo() {
        int n = 40;
        SecondMoment exact = SecondMoment.of(Layers.inputs(25, n, 25), 1, Workers.serial());
        FloatMatrix mean = FloatMatrix.allocate(n, n);
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                mean.set(i, j, (float) (exact.value(i, j) / 25));
            }
        }
        SecondMoment rounded = SecondMoment.ofMean(mean, 25, 1);
        FloatMatrix residual = residual(30, n);
        try (LowRankCorrection one = correct(
                        residual, exact, null, LowRankSettings.weighted(4).damping(0));
                LowRankCorrection other = correct(
                        residual, rounded, null, LowRankSettings.weighted(4).damping(0))) {
            assertThat(other.error()).isCloseTo(one.error(), within(1e-4 * one.error()));
        }
        SecondMoment indefinite = new SecondMoment(2, new double[] {1, 2, 2, 1}, 1, 1);
        assertThatThrownBy(() -> correct(
                        residual(4, 2),
                        indefinite,
                        null,
                        LowRankSettings.weighted(1).damping(0)))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("not positive semidefinite");
        assertThatThrownBy(() -> SecondMoment.ofMean(FloatMatrix.allocate(2, 3), 1, 1))
                .isInstanceOf(IllegalArgumentException.class);
    }

    private static double[][] orthonormal(FloatMatrix rows) {
        double[][] basis = new double[rows.rows()][rows.columns()];
        for (int i = 0; i < basis.length; i++) {
            for (int j = 0; j < rows.columns(); j++) {
                basis[i][j] = rows.get(i, j);
            }
            for (int pass = 0; pass < 2; pass++) {
                for (int k = 0; k < i; k++) {
                    subtractProjection(basis[i], basis[k]);
                }
            }
            double norm = Math.sqrt(dot(basis[i], basis[i]));
            for (int j = 0; j < rows.columns(); j++) {
                basis[i][j] /= norm;
            }
        }
        return basis;
    }

    private static void subtractProjection(double[] row, double[] unit) {
        double share = dot(row, unit);
        for (int j = 0; j < row.length; j++) {
            row[j] -= share * unit[j];
        }
    }

    private static double dot(double[] x, double[] y) {
        double sum = 0;
        for (int i = 0; i < x.length; i++) {
            sum += x[i] * y[i];
        }
        return sum;
    }

    @Test
    void sameBitsForAnyWorkers() {
        FloatMatrix residual = residual(300, 280);
        SecondMoment moment = Layers.moment(280, 26);
        try (LowRankCorrection one = correct(residual, moment, null, LowRankSettings.weighted(6))) {
            Layers.withThreads(workers -> {
                try (LowRankCorrection other = LowRankCorrection.of(
                        residual, moment, null, LowRankSettings.weighted(6), Layers.stream(), workers)) {
                    assertThat(other.factors().left().toArray())
                            .isEqualTo(one.factors().left().toArray());
                    assertThat(other.factors().right().toArray())
                            .isEqualTo(one.factors().right().toArray());
                    assertThat(other.error()).isEqualTo(one.error());
                }
            });
        }
    }

    @Test
    void refusals() {
        FloatMatrix residual = residual(4, 6);
        SecondMoment moment = Layers.moment(6, 1);
        LowRankSettings settings = LowRankSettings.weighted(2);
        assertThatThrownBy(() -> correct(residual, Layers.moment(5, 1), null, settings))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> correct(residual, moment, new float[3], settings))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> correct(residual, moment, new float[] {1, 1, -1, 1}, settings))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("output 2");
        residual.set(3, 1, Float.NaN);
        assertThatThrownBy(() -> correct(residual, moment, null, settings))
                .isInstanceOf(NonFiniteWeightException.class)
                .hasMessageContaining("row 3, column 1");
        assertThatThrownBy(() -> LowRankSettings.weighted(-1)).isInstanceOf(InvalidRequestException.class);
        assertThatThrownBy(() -> settings.damping(-1)).isInstanceOf(InvalidRequestException.class);
    }
}
