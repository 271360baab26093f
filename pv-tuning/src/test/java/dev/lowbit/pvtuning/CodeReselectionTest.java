package dev.lowbit.pvtuning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import java.util.Arrays;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CodeReselectionTest {
    private static final Tiling TILING = new Tiling(6, 16, 1, 4);

    private static int run(AdditiveWeights weights, double[] target, Reselection settings) {
        return CodeReselection.run(
                weights,
                target,
                settings,
                Draws.upTo(weights.codebooks()),
                RandomStream.of(1, "round", ""),
                Workers.serial());
    }

    @Test
    void atTheTargetNothingChangesEvenIfForced() {
        AdditiveWeights weights = Problems.weights(TILING, 2, 8, false, 5);
        int[] codes = weights.codes().clone();
        assertThat(run(weights, weights.decode(), Reselection.nearest(4, 1).forced()))
                .isZero();
        assertThat(weights.codes()).isEqualTo(codes);
    }

    @Test
    void anyFractionIsAtLeastOneTile() {
        AdditiveWeights weights = Problems.weights(TILING, 1, 8, false, 5);
        double[] target = Problems.gaussian(TILING.size(), 6);
        assertThat(run(weights, target, Reselection.nearest(1, 1e-9).forced())).isOne();
    }

    @Test
    void aTrustOfNothingIsOneTile() {
        AdditiveWeights weights = Problems.weights(TILING, 1, 8, false, 5);
        double[] target = Problems.gaussian(TILING.size(), 6);
        assertThat(run(weights, target, Reselection.nearest(1, 1).forced().withTrust(1e-12)))
                .isOne();
    }

    @Test
    void withOneCodewordThereIsNoOther() {
        AdditiveWeights weights = Problems.weights(TILING, 2, 1, false, 5);
        double[] target = Problems.gaussian(TILING.size(), 6);
        assertThat(run(weights, target, Reselection.nearest(4, 1).forced())).isZero();
        assertThat(run(weights, target, Reselection.nearest(4, 1).stochastic(1)))
                .isZero();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 4, 1000})
    void forcedTilesAllChange(int beam) {
        AdditiveWeights weights = Problems.weights(TILING, 2, 8, false, 5);
        double[] target = Problems.gaussian(TILING.size(), 6);
        assertThat(run(weights, target, Reselection.nearest(beam, 1).forced())).isEqualTo(TILING.tiles());
    }

    @Test
    void tinyScalesAreLeftAlone() {
        AdditiveWeights weights = Problems.weights(TILING, 1, 8, false, 5);
        weights.scales()[0] = 0;
        weights.scales()[1] = -1e-10;
        weights.scales()[2] *= -1;
        int[] codes = weights.codes().clone();
        double[] target = Problems.gaussian(TILING.size(), 6);
        int changed = run(weights, target, Reselection.nearest(1, 1).forced());
        assertThat(changed).isEqualTo(4 * TILING.tileColumns());
        for (int i = 0; i < 2 * TILING.tileColumns(); i++) {
            assertThat(weights.codes()[i]).isEqualTo(codes[i]);
        }
    }

    @Test
    void equalCodewordsGiveTheLowest() {
        AdditiveWeights weights = Problems.weights(TILING, 1, 8, false, 5);
        System.arraycopy(weights.codewords(), weights.at(0, 2), weights.codewords(), weights.at(0, 6), 4);
        double[] target = Problems.gaussian(TILING.size(), 6);
        for (int beam : new int[] {1, 3}) {
            run(weights, target, Reselection.nearest(beam, 1));
            assertThat(weights.codes()).doesNotContain(6);
        }
    }

    @Test
    void theNearestIsNearestByDefinition() {
        AdditiveWeights weights = Problems.weights(TILING, 1, 8, true, 5);
        double[] target = Problems.gaussian(TILING.size(), 6);
        run(weights, target, Reselection.nearest(1, 1));
        double[] least = Tiles.squaredDistances(TILING, target, weights.decode());
        for (int code = 0; code < 8; code++) {
            AdditiveWeights other = weights.copy();
            Arrays.fill(other.codes(), code);
            double[] distances = Tiles.squaredDistances(TILING, target, other.decode());
            for (int t = 0; t < least.length; t++) {
                assertThat(least[t]).isLessThanOrEqualTo(distances[t] + 1e-12);
            }
        }
    }

    @Test
    void roundsByTheOddsOfTheDistances() {
        Tiling tiling = new Tiling(1, 20000, 1, 1);
        AdditiveWeights weights =
                new AdditiveWeights(tiling, 1, 3, new double[] {0, 1, 9}, new int[tiling.tiles()], new double[] {1});
        double[] target = new double[tiling.size()];
        Arrays.fill(target, 0.25);
        // d1 = 0.25, d2 = 0.75, so that at τ = 0.5 the second has 1 chance in 10.
        int changed = run(weights, target, Reselection.nearest(2, 1).stochastic(0.5));
        assertThat((double) changed / tiling.tiles()).isCloseTo(0.1, within(0.01));
        assertThat(weights.codes()).doesNotContain(2);
    }

    @Test
    void aThreadMoreChangesNothing() {
        Tiling tiling = new Tiling(40, 64, 1, 4);
        double[] target = Problems.gaussian(tiling.size(), 6);
        Reselection settings = Reselection.nearest(3, 0.7).stochastic(0.3).withTrust(0.8);
        AdditiveWeights serial = Problems.weights(tiling, 2, 16, false, 5);
        AdditiveWeights parallel = serial.copy();
        run(serial, target, settings);
        try (ExecutorService executor = Executors.newFixedThreadPool(3)) {
            CodeReselection.run(
                    parallel,
                    target,
                    settings,
                    Draws.upTo(2),
                    RandomStream.of(1, "round", ""),
                    Workers.on(executor, 3));
        }
        assertThat(parallel.codes()).isEqualTo(serial.codes());
    }

    @Test
    void refusesWhatIsNotFinite() {
        AdditiveWeights weights = Problems.weights(TILING, 1, 8, false, 5);
        double[] target = Problems.gaussian(TILING.size(), 6);
        target[18] = Double.NaN;
        assertThatThrownBy(() -> run(weights, target, Reselection.nearest(1, 1)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("target is NaN at row 1, column 2");
    }
}
