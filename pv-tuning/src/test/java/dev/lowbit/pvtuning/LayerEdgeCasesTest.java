package dev.lowbit.pvtuning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.NonFiniteWeightException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LayerEdgeCasesTest {
    private static final Tiling TILING = new Tiling(8, 16, 1, 4);

    private static LayerResult quantize(double[] weights, double[] moment, int entries, int beam) {
        return LayerQuantizer.quantize(
                new LayerProblem(weights, DenseMoment.of(moment, 16), Workers.serial()),
                TILING,
                LayerSettings.of(2, entries, beam),
                RandomStream.of(3, "layer", ""));
    }

    private static void assertFinite(LayerResult result) {
        assertThat(Arrays.stream(result.weights().decode())).allMatch(Double::isFinite);
        assertThat(result.loss()).isFinite();
    }

    @Test
    void rowsOfZerosStayNothing() {
        double[] weights = Layers.gaussian(1, "weights", 128);
        Arrays.fill(weights, 32, 48, 0);
        LayerResult result = quantize(weights, Layers.moment(1, 16, 40), 4, 2);
        assertFinite(result);
        assertThat(Arrays.stream(result.weights().decode(), 32, 48)).allMatch(w -> Math.abs(w) <= 1e-8);
    }

    @Test
    void aWeightOfZerosHasNoError() {
        LayerResult result = quantize(new double[128], Layers.moment(1, 16, 40), 4, 2);
        assertFinite(result);
        assertThat(result.relativeError()).isZero();
        assertThat(Arrays.stream(result.weights().decode())).allMatch(w -> Math.abs(w) <= 1e-8);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 3})
    void singularMomentsAreAllowed(int tokens) {
        double[] moment = tokens == 0 ? new double[256] : Layers.moment(1, 16, tokens);
        for (int i = 0; i < 16; i++) {
            moment[i * 16 + 5] = 0;
            moment[5 * 16 + i] = 0;
        }
        LayerResult result = quantize(Layers.gaussian(1, "weights", 128), moment, 4, 2);
        assertFinite(result);
        assertThat(result.relativeError()).isBetween(0.0, 1.0);
    }

    @Test
    void momentsAreMadeSymmetric() {
        double[] moment = Layers.moment(1, 16, 40);
        double[] skew = moment.clone();
        skew[3 * 16 + 7] += 0.25;
        skew[7 * 16 + 3] -= 0.25;
        InputMoment symmetric = DenseMoment.of(skew, 16);
        for (int i = 0; i < 256; i++) {
            assertThat(symmetric.at(i / 16, i % 16)).isCloseTo(moment[i], within(1e-15));
        }
    }

    @Test
    void whatIsNotFiniteIsRefusedByItsPlace() {
        double[] weights = Layers.gaussian(1, "weights", 128);
        double[] moment = Layers.moment(1, 16, 40);
        double[] bad = weights.clone();
        bad[37] = Double.NaN;
        bad[90] = Double.POSITIVE_INFINITY;
        assertThatThrownBy(() -> new LayerProblem(bad, DenseMoment.of(moment, 16), Workers.serial()))
                .isInstanceOf(NonFiniteWeightException.class)
                .hasMessageContaining("row 2, column 5");
        moment[20] = Double.NEGATIVE_INFINITY;
        assertThatThrownBy(() -> DenseMoment.of(moment, 16))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("inputs 1 and 4 is -Infinity");
        assertThatThrownBy(() -> new DiagonalMoment(new double[] {1, Double.NaN}))
                .hasMessageContaining("inputs 1 and 1 is NaN");
    }

    @Test
    void moreEntriesThanTilesAndABeamWiderThanBoth() {
        LayerResult result = quantize(Layers.gaussian(1, "weights", 128), Layers.moment(1, 16, 40), 64, 500);
        assertFinite(result);
        assertThat(result.relativeError()).isLessThan(1e-10);
    }

    @Test
    void oneEntryLeavesNothingToChoose() {
        LayerResult result = quantize(Layers.gaussian(1, "weights", 128), Layers.moment(1, 16, 40), 1, 4);
        assertFinite(result);
        assertThat(result.steps()).allMatch(step -> step.changedTiles() == 0);
    }

    @Test
    void fewerPointsThanCentroidsAreAllCentroids() {
        KMeans kMeans = new KMeans(new double[] {1, 2, 3, 4}, 2, Workers.serial());
        double[] centroids = kMeans.randomStart(3, RandomStream.of(1, "k-means", ""));
        kMeans.improve(centroids, 100);
        assertThat(centroids).containsExactly(1, 2, 3, 4, 0, 0);
        assertThat(kMeans.assign(centroids)).containsExactly(0, 1);
        assertThat(kMeans.farthestStart(3)).containsExactly(1, 2, 3, 4, 0, 0);
    }
}
