package dev.lowbit.int2lrec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.NonFiniteWeightException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.scale.ScaleType;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AffineGridTest {
    private static AffineGrid.Group fit(AffineGrid grid, float... values) {
        return grid.fit(values, 0, values.length);
    }

    /** The zero is half of L, to even; where s was rounded up it is the integer below. */
    @ParameterizedTest
    @CsvSource({"1, 2, 0", "2, 0.6666667, 2", "3, 0.2857143, 3", "4, 0.13333334, 7", "8, 0.007843138, 127"})
    void allZeroGroups(int bits, float scale, int zero) {
        AffineGrid.Group group = fit(AffineGrid.of(bits), 0, 0, 0);
        assertThat(group.scale()).isEqualTo(scale);
        assertThat(group.zero()).isEqualTo(zero);
        assertThat(group.value(AffineGrid.of(bits).quantize(0, group))).isZero();
    }

    @Test
    void groupsOfOneSign() {
        AffineGrid grid = AffineGrid.of(2);
        assertThat(fit(grid, 1, 3)).isEqualTo(new AffineGrid.Group(1, 0));
        assertThat(fit(grid, -1, -3)).isEqualTo(new AffineGrid.Group(1, 3));
        assertThat(fit(grid, -1, 2)).isEqualTo(new AffineGrid.Group(1, 1));
    }

    @Test
    void roundsHalfToEvenBeforeTheZeroIsAdded() {
        AffineGrid grid = AffineGrid.of(3);
        AffineGrid.Group group = new AffineGrid.Group(1, 3);
        assertThat(grid.quantize(0.5f, group)).isEqualTo(3);
        assertThat(grid.quantize(1.5f, group)).isEqualTo(5);
        assertThat(grid.quantize(-2.5f, group)).isEqualTo(1);
        assertThat(grid.quantize(100, group)).isEqualTo(7);
        assertThat(grid.quantize(-100, group)).isZero();
    }

    @Test
    void publishedSymmetricGridClipsPositiveGroups() {
        AffineGrid grid = AffineGrid.of(2);
        AffineGrid.Group published = fit(grid.in(AffineGrid.Range.SYMMETRIC_AS_PUBLISHED), 1, 3);
        assertThat(published).isEqualTo(new AffineGrid.Group(1, 2));
        assertThat(published.value(grid.quantize(3, published))).isEqualTo(1);
        AffineGrid.Group corrected = fit(grid.in(AffineGrid.Range.SYMMETRIC), 1, 3);
        assertThat(corrected).isEqualTo(new AffineGrid.Group(2, 2));
        for (AffineGrid.Range range :
                new AffineGrid.Range[] {AffineGrid.Range.SYMMETRIC, AffineGrid.Range.SYMMETRIC_AS_PUBLISHED}) {
            assertThat(fit(grid.in(range), -1, 3)).isEqualTo(new AffineGrid.Group(2, 2));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4, 8})
    void searchIsNeverWorseInItsOwnMeasure(int bits) {
        float[] values = Layers.gaussian(1, 64, bits).toArray();
        AffineGrid grid = AffineGrid.of(bits);
        assertThat(cost(grid.searching(), values)).isLessThanOrEqualTo(cost(grid, values) * (1 + 1e-6));
    }

    private static double cost(AffineGrid grid, float[] values) {
        AffineGrid.Group group = fit(grid, values);
        double sum = 0;
        for (float value : values) {
            sum += StrictMath.pow(Math.abs(group.value(grid.quantize(value, group)) - value), 2.4);
        }
        return sum;
    }

    @Test
    void scalesAreRoundedToTheirTypeBeforeCodesAreTaken() {
        FloatMatrix weights = Layers.gaussian(16, 40, 3);
        for (DType type : new DType[] {DType.F16, DType.BF16}) {
            AffineCodes codes =
                    RoundToNearest.quantize(weights, 16, AffineGrid.of(4).scales(type), Workers.serial());
            assertThat(codes.groups()).isEqualTo(3);
            for (float scale : codes.scales()) {
                assertThat(ScaleType.round(type, scale)).isEqualTo(scale);
            }
            FloatMatrix residual = Layers.residual(weights, codes);
            for (int i = 0; i < 16; i++) {
                for (int j = 0; j < 40; j++) {
                    // Half a step, and at the ends of the range what the rounding of the scale takes from 15 steps.
                    float scale = codes.scales()[i * 3 + j / 16];
                    assertThat(Math.abs(residual.get(i, j))).isLessThanOrEqualTo(0.56f * scale);
                }
            }
        }
    }

    @Test
    void whatAScaleTypeCannotHold() {
        FloatMatrix weights = FloatMatrix.wrap(1, 4, new float[] {0, 1e6f, -1e6f, 3});
        AffineGrid half = AffineGrid.of(2).scales(DType.F16);
        assertThatThrownBy(() -> RoundToNearest.quantize(weights, 0, half, Workers.serial()))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("row 0, group 0");
        FloatMatrix tiny = FloatMatrix.wrap(1, 2, new float[] {1e-30f, -1e-30f});
        AffineCodes codes = RoundToNearest.quantize(tiny, 0, half, Workers.serial());
        assertThat(codes.value(0, 0)).isZero();
        assertThat(codes.value(0, 1)).isZero();
        FloatMatrix huge = FloatMatrix.wrap(1, 2, new float[] {Float.MAX_VALUE, -Float.MAX_VALUE});
        assertThatThrownBy(
                        () -> RoundToNearest.quantize(huge, 0, AffineGrid.of(1).searching(), Workers.serial()))
                .isInstanceOf(InvalidRequestException.class);
    }

    @Test
    void refusals() {
        assertThatThrownBy(() -> AffineGrid.of(9)).isInstanceOf(InvalidRequestException.class);
        FloatMatrix weights = FloatMatrix.wrap(2, 2, new float[] {1, 2, 3, Float.NaN});
        assertThatThrownBy(() -> RoundToNearest.quantize(weights, 0, AffineGrid.of(2), Workers.serial()))
                .isInstanceOf(NonFiniteWeightException.class)
                .hasMessageContaining("row 1, column 1");
        assertThatThrownBy(() -> RoundToNearest.quantize(weights, -1, AffineGrid.of(2), Workers.serial()))
                .isInstanceOf(InvalidRequestException.class);
        assertThatThrownBy(() -> new AffineCodes(1, 1, 2, 1, new byte[] {4}, new float[1], new int[1], new int[0]))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new AffineCodes(1, 1, 2, 1, new byte[1], new float[1], new int[] {5}, new int[0]))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(
                        () -> new AffineCodes(1, 1, 2, 1, new byte[1], new float[] {Float.NaN}, new int[1], new int[0]))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new AffineCodes(1, 1, 2, 1, new byte[1], new float[1], new int[1], new int[] {1}))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new AffineCodes(1, 2, 2, 1, new byte[2], new float[1], new int[1], new int[0]))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void dequantizedValuesAndThreads() {
        FloatMatrix weights = Layers.gaussian(33, 50, 8);
        AffineCodes codes = RoundToNearest.quantize(weights, 7, AffineGrid.of(3).searching(), Workers.serial());
        FloatMatrix values = FloatMatrix.allocate(33, 50);
        codes.matrix(DType.F32).dequantize(0, values, Workers.serial());
        FloatMatrix residual = Layers.residual(weights, codes);
        for (int i = 0; i < 33; i++) {
            for (int j = 0; j < 50; j++) {
                assertThat(values.get(i, j)).isEqualTo(codes.value(i, j));
                assertThat(residual.get(i, j)).isEqualTo(weights.get(i, j) - codes.value(i, j));
            }
        }
        Layers.withThreads(workers -> {
            AffineCodes other =
                    RoundToNearest.quantize(weights, 7, AffineGrid.of(3).searching(), workers);
            assertThat(other.codes()).isEqualTo(codes.codes());
            assertThat(other.scales()).isEqualTo(codes.scales());
        });
    }
}
