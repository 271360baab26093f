package dev.lowbit.importance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class DampedFactorTest {
    private static final Workers SERIAL = Workers.serial();

    @Test
    void whatIsRegularGetsWhatWasAskedFor() {
        double[] matrix = {4, 0, 1, 2};
        DampedFactor factor = DampedFactor.of(matrix, 2, 0.1, SERIAL);
        assertThat(factor.damping()).isEqualTo(0.1);
        assertThat(factor.lambda()).isCloseTo(0.3, within(1e-15));
        double[] l = factor.cholesky().lower();
        assertThat(l[0] * l[0]).isCloseTo(4.3, within(1e-14));
        assertThat(l[2] * l[0]).isCloseTo(1, within(1e-14));
        assertThat(l[2] * l[2] + l[3] * l[3]).isCloseTo(2.3, within(1e-14));
    }

    /** Rank 1: what is next to nothing does not do, ten times as much in turn does. */
    @Test
    void aSingularMatrixGetsMore() {
        double[] ones = new double[64 * 64];
        Arrays.fill(ones, 1);
        DampedFactor factor = DampedFactor.of(ones, 64, 1e-18, SERIAL);
        assertThat(factor.damping()).isBetween(1e-15, 1e-11);
        assertThat(factor.lambda()).isEqualTo(factor.damping());
    }

    @Test
    void whatIsFarFromPositiveIsRefused() {
        double[] matrix = {1, 0, 0, -5};
        assertThatThrownBy(() -> DampedFactor.of(matrix, 2, 0.01, SERIAL))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("damping 1.0 does not mend it");
    }
}
