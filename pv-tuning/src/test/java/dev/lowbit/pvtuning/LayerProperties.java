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

/** What holds for every layer, regular or not. */
class LayerProperties {
    private static final double ROUNDING = 1e-12;
    /**
     * What Δ and Δ H, kept up to date from step to step, may be off: a scale step multiplies their rounding by the ratio of the scales, which is large
     * where rows of opposite signs share a codeword of almost nothing, up to 1e9 by what the start adds to a scale that is zero.
     */
    private static final double DRIFT = 1e9 * 100 * Math.ulp(1.0);

    @Property(tries = 40)
    void noAcceptedStepRaisesTheLoss(
            @ForAll long seed,
            @ForAll @IntRange(min = 1, max = 9) int tileRows,
            @ForAll @IntRange(min = 1, max = 6) int groups,
            @ForAll @IntRange(min = 1, max = 4) int inGroup,
            @ForAll @IntRange(min = 1, max = 2) int outGroup,
            @ForAll @IntRange(min = 1, max = 3) int codebooks,
            @ForAll @IntRange(min = 1, max = 9) int entries,
            @ForAll @IntRange(min = 1, max = 12) int beam,
            @ForAll @IntRange(min = 1, max = 30) int tokens) {
        Tiling tiling = new Tiling(tileRows * outGroup, groups * inGroup, outGroup, inGroup);
        LayerProblem problem = Layers.problem(seed, tiling.rows(), tiling.columns(), tokens, Workers.serial());
        LayerSettings settings = LayerSettings.of(codebooks, entries, beam);
        LayerResult result = LayerQuantizer.quantize(problem, tiling, settings, RandomStream.of(seed, "layer", ""));
        double loss = result.steps().getFirst().before();
        for (LayerStep step : result.steps()) {
            assertThat(step.before()).isEqualTo(loss);
            if (step.accepted()) {
                assertThat(step.after()).isLessThanOrEqualTo(loss * (1 + ROUNDING));
                loss = step.after();
            }
        }
        assertThat(result.loss()).isEqualTo(new LayerState(problem, result.weights()).loss());
        assertThat(result.loss()).isCloseTo(loss, within(DRIFT * problem.energy()));
        assertThat(result.relativeError()).isBetween(0.0, 1.0 + ROUNDING);
    }

    @Property(tries = 40)
    void fastBeamSearchIsTheReference(
            @ForAll long seed,
            @ForAll @IntRange(min = 1, max = 5) int tileRows,
            @ForAll @IntRange(min = 1, max = 40) int groups,
            @ForAll @IntRange(min = 1, max = 4) int inGroup,
            @ForAll @IntRange(min = 1, max = 2) int outGroup,
            @ForAll @IntRange(min = 1, max = 3) int codebooks,
            @ForAll @IntRange(min = 1, max = 9) int entries,
            @ForAll @IntRange(min = 1, max = 12) int beam) {
        Tiling tiling = new Tiling(tileRows * outGroup, groups * inGroup, outGroup, inGroup);
        LayerProblem problem = Layers.problem(seed, tiling.rows(), tiling.columns(), 200, Workers.serial());
        AdditiveWeights weights = randomWeights(tiling, codebooks, entries, seed);
        LayerState state = new LayerState(problem, weights);
        BeamOrder order = BeamOrder.shuffled(groups, codebooks, RandomStream.of(seed, "order", ""));
        BeamReference.Result reference = new BeamReference(problem, weights).search(order, beam);
        double[] before = state.tileRowLosses();
        int[] codes = new BeamSearch(state, order, beam).codes();
        assertThat(codes).containsExactly(reference.codes());
        System.arraycopy(codes, 0, weights.codes(), 0, codes.length);
        double[] after = new LayerState(problem, weights).tileRowLosses();
        for (int p = 0; p < after.length; p++) {
            assertThat(after[p]).isLessThanOrEqualTo(before[p] * (1 + 1e-9));
            double[] trace = reference.losses().get(p);
            assertThat(trace[trace.length - 1]).isCloseTo(after[p], within(1e-9 * before[p]));
        }
    }

    /** A diagonal in full is the same moment: the same steps to the same result. */
    @Property(tries = 20)
    void aDiagonalMomentIsADenseOne(
            @ForAll long seed,
            @ForAll @IntRange(min = 1, max = 9) int rows,
            @ForAll @IntRange(min = 1, max = 40) int groups,
            @ForAll @IntRange(min = 1, max = 2) int codebooks,
            @ForAll @IntRange(min = 1, max = 4) int beam) {
        Tiling tiling = new Tiling(rows, 4 * groups, 1, 4);
        double[] weights = Layers.gaussian(seed, "weights", tiling.size());
        double[] diagonal = Layers.gaussian(seed, "diagonal", tiling.columns());
        double[] full = new double[diagonal.length * diagonal.length];
        for (int j = 0; j < diagonal.length; j++) {
            diagonal[j] *= diagonal[j];
            full[j * (diagonal.length + 1)] = diagonal[j];
        }
        LayerSettings settings = LayerSettings.of(codebooks, 8, beam);
        InputMoment dense = DenseMoment.of(full, diagonal.length);
        assertSame(
                LayerQuantizer.quantize(
                        new LayerProblem(weights, new DiagonalMoment(diagonal), Workers.serial()),
                        tiling,
                        settings,
                        RandomStream.of(seed, "layer", "")),
                LayerQuantizer.quantize(
                        new LayerProblem(weights, dense, Workers.serial()),
                        tiling,
                        settings,
                        RandomStream.of(seed, "layer", "")));
    }

    private static AdditiveWeights randomWeights(Tiling tiling, int codebooks, int entries, long seed) {
        double[] codewords = Layers.gaussian(seed, "codewords", codebooks * entries * tiling.tileSize());
        double[] scales = Layers.gaussian(seed, "scales", tiling.tileRows());
        double[] uniform = Layers.gaussian(seed, "codes", tiling.tiles() * codebooks);
        int[] codes = new int[uniform.length];
        for (int i = 0; i < codes.length; i++) {
            codes[i] = Math.floorMod(Double.hashCode(uniform[i]), entries);
        }
        return new AdditiveWeights(tiling, codebooks, entries, codewords, codes, scales);
    }

    @Property(tries = 10)
    void permutingRowsPermutesTheCodes(
            @ForAll long seed,
            @ForAll @IntRange(min = 2, max = 60) int rows,
            @ForAll @IntRange(min = 1, max = 4) int beam) {
        Tiling tiling = new Tiling(rows, 80, 1, 4);
        LayerProblem problem = Layers.problem(seed, rows, 80, 200, Workers.serial());
        AdditiveWeights weights = randomWeights(tiling, 2, 8, seed);
        int[] order = Draws.permutation(rows, RandomStream.of(seed, "rows", ""));
        double[] permuted = new double[problem.weights().length];
        double[] scales = new double[rows];
        int[] codes = new int[weights.codes().length];
        int length = codes.length / rows;
        for (int row = 0; row < rows; row++) {
            System.arraycopy(problem.weights(), order[row] * 80, permuted, row * 80, 80);
            System.arraycopy(weights.codes(), order[row] * length, codes, row * length, length);
            scales[row] = weights.scales()[order[row]];
        }
        LayerProblem other = new LayerProblem(permuted, problem.moment(), Workers.serial());
        AdditiveWeights otherWeights = new AdditiveWeights(tiling, 2, 8, weights.codewords(), codes, scales);
        BeamOrder visits = BeamOrder.natural(20, 2);
        int[] expected = new BeamSearch(new LayerState(problem, weights), visits, beam).codes();
        int[] actual = new BeamSearch(new LayerState(other, otherWeights), visits, beam).codes();
        for (int row = 0; row < rows; row++) {
            for (int i = 0; i < length; i++) {
                assertThat(actual[row * length + i]).isEqualTo(expected[order[row] * length + i]);
            }
        }
    }

    /** A result on the way is that of so many rounds, and takes no part in those that follow. */
    @Property(tries = 10)
    void goingOnIsNotBeginningAgain(@ForAll long seed, @ForAll @IntRange(min = 0, max = 4) int first) {
        Tiling tiling = new Tiling(60, 24, 1, 4);
        LayerProblem problem = Layers.problem(seed, 60, 24, 60, Workers.serial());
        LayerQuantizer resumed = started(problem, tiling, seed);
        resumed.run(first);
        LayerResult early = resumed.result();
        AdditiveWeights kept = early.weights().copy();
        resumed.run(7);
        LayerQuantizer few = started(problem, tiling, seed);
        few.run(first);
        LayerQuantizer all = started(problem, tiling, seed);
        all.run(7);
        assertSame(early, few.result());
        assertThat(early.weights().codewords()).containsExactly(kept.codewords());
        assertSame(resumed.result(), all.result());
    }

    private static LayerQuantizer started(LayerProblem problem, Tiling tiling, long seed) {
        return LayerQuantizer.start(problem, tiling, LayerSettings.of(2, 8, 2), RandomStream.of(seed, "layer", ""));
    }

    private static void assertSame(LayerResult actual, LayerResult expected) {
        assertThat(actual.weights().codes()).containsExactly(expected.weights().codes());
        assertThat(actual.weights().codewords())
                .containsExactly(expected.weights().codewords());
        assertThat(actual.weights().scales()).containsExactly(expected.weights().scales());
        assertThat(actual.loss()).isEqualTo(expected.loss());
        assertThat(actual.steps()).isEqualTo(expected.steps());
    }

    @Property(tries = 5)
    void anyWorkersGiveTheSameBits(@ForAll long seed, @ForAll @IntRange(min = 1, max = 3) int beam) {
        Tiling tiling = new Tiling(150, 24, 1, 4);
        LayerSettings settings = LayerSettings.of(2, 8, beam);
        LayerResult serial = LayerQuantizer.quantize(
                Layers.problem(seed, 150, 24, 60, Workers.serial()),
                tiling,
                settings,
                RandomStream.of(seed, "layer", ""));
        try (ExecutorService executor = Executors.newFixedThreadPool(3)) {
            LayerResult parallel = LayerQuantizer.quantize(
                    Layers.problem(seed, 150, 24, 60, Workers.on(executor, 4)),
                    tiling,
                    settings,
                    RandomStream.of(seed, "layer", ""));
            assertSame(parallel, serial);
        }
    }
}
