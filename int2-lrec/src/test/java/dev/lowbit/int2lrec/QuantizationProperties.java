package dev.lowbit.int2lrec;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** What holds for every layer: feedback pays, a correction pays more with every rank, and the grids hold what they store. */
class QuantizationProperties {
    @Property(tries = 40)
    void roundingThenFeedbackThenCorrection(
            @ForAll @IntRange(min = 2, max = 4) int bits,
            @ForAll @IntRange(min = 24, max = 60) int rows,
            @ForAll @IntRange(min = 40, max = 150) int columns,
            @ForAll @IntRange(min = 16, max = 64) int groupSize,
            @ForAll @IntRange(min = 0, max = 1000) int seed) {
        FloatMatrix weights = Layers.gaussian(rows, columns, seed);
        SecondMoment moment = Layers.moment(columns, seed + 1);
        AffineGrid grid = AffineGrid.of(bits);
        double rounded =
                Layers.error(weights, RoundToNearest.quantize(weights, groupSize, grid, Workers.serial()), moment);
        GptqSettings settings = new GptqSettings(grid, groupSize, true, true, false, 0.01, 128);
        GptqResult swept = Gptq.quantize(weights, moment, settings, Workers.serial());
        assertThat(swept.layerError()).isLessThanOrEqualTo(rounded);
        FloatMatrix residual = Layers.residual(weights, swept.codes());
        double before = swept.layerError() * (1 + 1e-6);
        for (int rank : new int[] {1, 4, 16}) {
            try (LowRankCorrection correction = LowRankCorrection.of(
                    residual,
                    moment,
                    null,
                    LowRankSettings.weighted(rank).damping(0),
                    Layers.stream(),
                    Workers.serial())) {
                assertThat(correction.error()).isLessThanOrEqualTo(before);
                before = correction.error();
            }
        }
    }

    @Property(tries = 200)
    void roundingIsWithinHalfAStepAndKeepsZero(
            @ForAll @IntRange(min = 1, max = 8) int bits,
            @ForAll @IntRange(min = 1, max = 40) int count,
            @ForAll @IntRange(min = -2, max = 2) int shift,
            @ForAll long seed) {
        float[] values = Layers.gaussian(1, count, seed).toArray();
        for (int i = 0; i < count; i++) {
            values[i] += shift;
        }
        AffineGrid grid = AffineGrid.of(bits);
        AffineGrid.Group group = grid.fit(values, 0, count);
        assertThat(group.zero()).isBetween(0, grid.largestCode());
        assertThat(group.value(grid.quantize(0, group))).isZero();
        for (float value : values) {
            int code = grid.quantize(value, group);
            assertThat(code).isBetween(0, grid.largestCode());
            // The zero is rounded too, so that the ends of the range may lie up to half a step outside of the grid.
            assertThat(Math.abs(group.value(code) - value)).isLessThanOrEqualTo(0.5001f * group.scale());
        }
    }
}
