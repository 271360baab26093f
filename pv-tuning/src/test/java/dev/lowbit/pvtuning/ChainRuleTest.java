package dev.lowbit.pvtuning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.kernel.Workers;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ChainRuleTest {
    /** By central differences, exact to rounding for what is linear in Ŵ: φ is a quadratic of Ŵ. */
    @ParameterizedTest
    @CsvSource({"1, 1, false", "2, 1, false", "3, 2, false", "2, 2, true"})
    void isTheSlopeOfTheLoss(int codebooks, int outGroup, boolean scalePerTile) {
        Tiling tiling = new Tiling(4 * outGroup, 12, outGroup, 4);
        AdditiveWeights weights = Problems.weights(tiling, codebooks, 5, scalePerTile, 3);
        Objective objective = Problems.objective(Problems.layer(tiling, 20, 4));
        ChainRule gradients =
                ChainRule.of(weights, objective.at(weights.decode()).gradient(), Workers.serial());
        assertSlopes(weights, objective, AdditiveWeights::codewords, gradients.codewords());
        assertSlopes(weights, objective, AdditiveWeights::scales, gradients.scales());
    }

    private static void assertSlopes(
            AdditiveWeights weights, Objective objective, Function<AdditiveWeights, double[]> part, double[] gradient) {
        double step = 1e-4;
        for (int i = 0; i < gradient.length; i++) {
            AdditiveWeights up = weights.copy();
            AdditiveWeights down = weights.copy();
            part.apply(up)[i] += step;
            part.apply(down)[i] -= step;
            double slope = (objective.at(up.decode()).loss()
                            - objective.at(down.decode()).loss())
                    / (2 * step);
            assertThat(gradient[i]).isCloseTo(slope, within(1e-6 * Math.max(1, Math.abs(slope))));
        }
    }

    @Test
    void aCodewordWithoutUsersHasNone() {
        int unused = 7;
        Tiling tiling = new Tiling(2, 8, 1, 4);
        AdditiveWeights weights = Problems.weights(tiling, 1, 8, false, 1);
        for (int i = 0; i < weights.codes().length; i++) {
            weights.codes()[i] %= unused;
        }
        double[] gradient = ChainRule.of(weights, Problems.gaussian(16, 2), Workers.serial())
                .codewords();
        for (int i = 0; i < 4; i++) {
            assertThat(gradient[weights.at(0, unused) + i]).isZero();
        }
    }
}
