package dev.lowbit.pvtuning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** What holds for every layer: what is kept never raises the objective, whatever the start. */
class PvProperties {
    private static final double ROUNDING = 1 + 1e-12;

    @Property(tries = 40)
    void theLinearStepNeverRises(
            @ForAll @IntRange(min = 1, max = 3) int codebooks,
            @ForAll @IntRange(min = 1, max = 2) int outGroup,
            @ForAll @IntRange(min = 1, max = 16) int entries,
            @ForAll @IntRange(min = 1, max = 40) int rank,
            @ForAll boolean scalePerTile,
            @ForAll @IntRange(min = 0, max = 1000) int seed) {
        Tiling tiling = new Tiling(6 * outGroup, 24, outGroup, 4);
        LayerProblem problem = Problems.layer(tiling, rank, seed);
        AdditiveWeights weights = Problems.weights(tiling, codebooks, entries, scalePerTile, seed);
        AdditiveWeights again = weights.copy();
        double loss = new LayerState(problem, weights).loss();
        LinearPv run = LinearPv.run(weights, problem, 2, 12, 0);
        for (LinearPv.Step step : run.steps()) {
            assertThat(step.before()).isEqualTo(loss);
            assertThat(step.after()).isLessThanOrEqualTo(loss * ROUNDING);
            loss = step.after();
        }
        assertThat(new LayerState(problem, weights).loss()).isCloseTo(loss, within(1e-9 * loss));
        try (ExecutorService executor = Executors.newFixedThreadPool(2)) {
            LinearPv.run(again, Problems.layer(tiling, rank, seed, Workers.on(executor, 2)), 2, 12, 0);
        }
        assertThat(again.codes()).isEqualTo(weights.codes());
        assertThat(again.codewords()).isEqualTo(weights.codewords());
    }

    @Property(tries = 20)
    void nothingChangesAtTheMinimum(@ForAll @IntRange(min = 0, max = 1000) int seed) {
        Tiling tiling = new Tiling(6, 24, 1, 4);
        AdditiveWeights weights = Problems.weights(tiling, 2, 8, false, seed);
        AdditiveWeights before = weights.copy();
        LayerProblem problem = new LayerProblem(
                weights.decode(), Problems.layer(tiling, 30, seed).moment(), Workers.serial());
        LinearPv run = LinearPv.run(weights, problem, 1, 3, 0);
        assertThat(run.loss()).isZero();
        assertThat(weights.codes()).isEqualTo(before.codes());
        assertThat(weights.codewords()).isEqualTo(before.codewords());
        assertThat(weights.scales()).isEqualTo(before.scales());
    }

    @Property(tries = 40)
    void aGuardEndsInTheBest(
            @ForAll @IntRange(min = 1, max = 2) int codebooks,
            @ForAll @IntRange(min = 0, max = 5) int patience,
            @ForAll boolean straightThrough,
            @ForAll @IntRange(min = 0, max = 1000) int seed) {
        Tiling tiling = new Tiling(6, 24, 1, 4);
        Objective objective = Problems.objective(Problems.layer(tiling, 30, seed));
        AdditiveWeights weights = Problems.weights(tiling, codebooks, 8, false, seed);
        PvSettings settings = straightThrough ? PvSettings.straightThrough(1) : PvSettings.direct(0.1);
        GuardedPv run = GuardedPv.run(
                weights,
                objective,
                settings.withRates(0.1, 0.3),
                20,
                patience,
                RandomStream.of(seed, "pv", ""),
                Workers.serial());
        double least = Double.POSITIVE_INFINITY;
        for (double loss : run.losses()) {
            least = Math.min(least, loss);
        }
        assertThat(run.losses()).hasSize(21);
        assertThat(run.best()).isEqualTo(least);
        assertThat(objective.at(weights.decode()).loss()).isEqualTo(least);
    }
}
