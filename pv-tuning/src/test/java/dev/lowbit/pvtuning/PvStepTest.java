package dev.lowbit.pvtuning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class PvStepTest {
    private static final Tiling TILING = new Tiling(6, 16, 1, 4);

    static List<PvSettings> methods() {
        return List.of(
                PvSettings.parametersOnly(),
                PvSettings.straightThrough(1),
                PvSettings.straightThrough(0.01).codesOnly(),
                PvSettings.decaying(0.1, 0.5),
                PvSettings.direct(1).with(Reselection.nearest(2, 1).forced()),
                PvSettings.published());
    }

    private static PvStep start(AdditiveWeights weights, PvSettings settings) {
        return new PvStep(weights, settings, RandomStream.of(1, "pv", ""), Workers.serial());
    }

    @ParameterizedTest
    @MethodSource("methods")
    void withoutGradientNothingChanges(PvSettings settings) {
        AdditiveWeights weights = Problems.weights(TILING, 2, 8, false, 5);
        AdditiveWeights before = weights.copy();
        assertThat(start(weights, settings).step(new double[TILING.size()])).isZero();
        assertThat(weights.codes()).isEqualTo(before.codes());
        assertThat(weights.codewords()).isEqualTo(before.codewords());
        assertThat(weights.scales()).isEqualTo(before.scales());
    }

    @Test
    void refusesAGradientThatIsNotFinite() {
        AdditiveWeights weights = Problems.weights(TILING, 2, 8, false, 5);
        AdditiveWeights before = weights.copy();
        double[] gradient = new double[TILING.size()];
        gradient[35] = Double.NaN;
        assertThatThrownBy(() -> start(weights, PvSettings.published()).step(gradient))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("gradient is NaN at row 2, column 3");
        assertThat(weights.codewords()).isEqualTo(before.codewords());
    }
}
