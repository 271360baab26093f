package dev.lowbit.lqlora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.LowRank;
import dev.lowbit.linalg.Norms;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.block.BlockQuantizer;
import dev.lowbit.matrix.sum.FactorFormat;
import dev.lowbit.tensor.FloatMatrix;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;

/** Invariants I5, I6 and I7 of the method's specification, on matrices of any shape. */
class DecompositionProperties {
    private static final Workers SERIAL = Workers.serial();

    private static FloatMatrix matrix(int rows, int columns, long seed) {
        FloatMatrix w = FloatMatrix.wrap(rows, columns, new float[rows * columns]);
        RandomStream.of(seed, "property", "").fillGaussian(w);
        return w;
    }

    private static FloatMatrix fisher(int rows, int columns, long seed, float factor) {
        FloatMatrix f = matrix(rows, columns, seed + 1);
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                f.set(i, j, f.get(i, j) * f.get(i, j) * factor);
            }
        }
        return f;
    }

    private static Decomposition run(FloatMatrix w, Importance importance, int rank, int bits, int alternations) {
        BlockFormat base = BlockFormat.parse("nf" + bits + "-g16-s8x64-bf16");
        LqSettings settings = LqSettings.fast(base, rank, FactorFormat.NF8, alternations);
        return LqDecomposer.decompose("w", w, importance, settings, 3, SERIAL);
    }

    @Property(tries = 25)
    void theBestErrorNeverRisesWithMoreAlternations(
            @ForAll @IntRange(min = 1, max = 50) int rows,
            @ForAll @IntRange(min = 1, max = 50) int columns,
            @ForAll @IntRange(min = 1, max = 9) int rank,
            @ForAll @IntRange(min = 2, max = 4) int bits,
            @ForAll @LongRange(min = 0, max = 1000) long seed) {
        FloatMatrix w = matrix(rows, columns, seed);
        Decomposition all = run(w, Importance.uniform(), rank, bits, 8);
        double best = Double.POSITIVE_INFINITY;
        for (int t = 1; t <= all.errors().length; t++) {
            Decomposition part = run(w, Importance.uniform(), rank, bits, t);
            // The same alternations in the same order: a prefix, bit for bit.
            assertThat(all.errors()).startsWith(part.errors());
            assertThat(part.bestError()).isLessThanOrEqualTo(best);
            best = part.bestError();
        }
        assertThat(all.bestError()).isEqualTo(best);
    }

    @Property(tries = 25)
    void rankZeroIsPlainQuantizationAndMoreRankIsBetter(
            @ForAll @IntRange(min = 24, max = 60) int rows,
            @ForAll @IntRange(min = 24, max = 60) int columns,
            @ForAll @IntRange(min = 3, max = 4) int bits,
            @ForAll @LongRange(min = 0, max = 1000) long seed) {
        FloatMatrix w = matrix(rows, columns, seed);
        BlockFormat base = BlockFormat.parse("nf" + bits + "-g16-s8x64-bf16");
        double last = Math.sqrt(BlockQuantizer.squaredError(w, Importance.uniform(), base, SERIAL));
        assertThat(run(w, Importance.uniform(), 0, bits, 8).bestError()).isEqualTo(last);
        for (int rank : new int[] {2, 6, 12}) {
            double error = run(w, Importance.uniform(), rank, bits, 12).bestError();
            assertThat(error).as("rank %d", rank).isLessThan(last);
            last = error;
        }
    }

    @Property(tries = 25)
    void aConstantFisherIsNoFisher(
            @ForAll @IntRange(min = 1, max = 40) int rows,
            @ForAll @IntRange(min = 1, max = 40) int columns,
            @ForAll @LongRange(min = 0, max = 1000) long seed) {
        FloatMatrix w = matrix(rows, columns, seed);
        FloatMatrix constant = FloatMatrix.wrap(rows, columns, new float[rows * columns]);
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                constant.set(i, j, 4);
            }
        }
        double[] plain = run(w, Importance.uniform(), 3, 3, 6).errors();
        double[] weighted = run(w, Importance.diagonal(constant), 3, 3, 6).errors();
        assertThat(weighted).hasSameSizeAs(plain);
        for (int i = 0; i < plain.length; i++) {
            // Every weight is 1 after division by the maximum; the error counts each square four times.
            assertThat(weighted[i]).isCloseTo(2 * plain[i], within(1e-5 * plain[i]));
        }
    }

    @Property(tries = 25)
    void aFactorOfTheFisherLeavesTheProduct(
            @ForAll @IntRange(min = 2, max = 40) int rows,
            @ForAll @IntRange(min = 2, max = 40) int columns,
            @ForAll @LongRange(min = 0, max = 1000) long seed) {
        FloatMatrix w = matrix(rows, columns, seed);
        try (LowRank one = run(w, Importance.diagonal(fisher(rows, columns, seed, 1)), 2, 3, 5)
                        .lowRank(rows, columns, SERIAL);
                LowRank other = run(w, Importance.diagonal(fisher(rows, columns, seed, 0x1p-20f)), 2, 3, 5)
                        .lowRank(rows, columns, SERIAL);
                FloatMatrix difference = FloatMatrix.allocate(rows, columns)) {
            // A power of two changes no rounding anywhere.
            one.expand(difference, SERIAL);
            other.subtractFrom(difference, SERIAL);
            assertThat(Norms.absMax(difference)).isZero();
        }
    }

    @Property(tries = 20)
    void rowsAndColumnsWithoutWeightGiveNoNaN(
            @ForAll @IntRange(min = 2, max = 30) int rows,
            @ForAll @IntRange(min = 2, max = 30) int columns,
            @ForAll @IntRange(min = 0, max = 2) int what,
            @ForAll @LongRange(min = 0, max = 1000) long seed) {
        FloatMatrix f = fisher(rows, columns, seed, 1);
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                if (what == 2 || (what == 0 && i == 1) || (what == 1 && j == 1)) {
                    f.set(i, j, 0);
                }
            }
        }
        FloatMatrix w = matrix(rows, columns, seed);
        for (double error : run(w, Importance.diagonal(f), 2, 3, 4).errors()) {
            assertThat(error).isFinite();
        }
        try (LowRank low = run(w, Importance.diagonal(f), 2, 3, 4).lowRank(rows, columns, SERIAL)) {
            assertThat(Norms.absMax(low.left())).isFinite();
            assertThat(Norms.absMax(low.right())).isFinite();
        }
    }
}
