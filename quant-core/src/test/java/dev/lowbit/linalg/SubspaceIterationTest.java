package dev.lowbit.linalg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Arrays;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Tag("kernels")
class SubspaceIterationTest {
    private static RandomStream stream() {
        return RandomStream.of(3, "subspace", "test");
    }

    private static double residual(FloatMatrix m, LowRank factors) {
        FloatMatrix rest = FloatMatrix.wrap(m.rows(), m.columns(), m.toArray());
        factors.subtractFrom(rest, Workers.serial());
        return Norms.frobenius(rest, Workers.serial());
    }

    @ParameterizedTest
    @CsvSource({"40,60,1", "60,40,7", "33,100,16", "128,65,20"})
    void theRandomizedResidualIsNearTheBestPossible(int rows, int columns, int rank) {
        FloatMatrix m = ExactSvdTest.matrix(rows, columns, 0.97);
        ExactSvd exact = ExactSvd.of(m);
        try (LowRank out = LowRank.allocate(rows, columns, rank)) {
            double[] sigma = RandomizedSvd.of(LinearMap.of(m), out, 10, 2, stream(), Workers.serial());
            assertThat(residual(m, out)).isBetween(exact.residual(rank) * (1 - 1e-6), exact.residual(rank) * 1.02);
            // A sketch never overestimates; it underestimates by the square of its angle to the singular vector.
            assertThat(sigma[0]).isCloseTo(exact.singularValues()[0], within(1e-2 * sigma[0]));
            assertThat(sigma).isSortedAccordingTo((a, b) -> Double.compare(b, a));
        }
    }

    @Test
    void warmStepsConvergeToTheBestApproximation() {
        FloatMatrix m = ExactSvdTest.matrix(50, 70, 0.95);
        double best = ExactSvd.of(m).residual(8);
        double last = Double.MAX_VALUE;
        try (SubspaceIteration iteration = new SubspaceIteration(50, 70, 8, stream());
                LowRank out = LowRank.allocate(50, 70, 8)) {
            for (int step = 0; step < 60; step++) {
                iteration.approximate(LinearMap.of(m), out, Workers.serial());
                double now = residual(m, out);
                assertThat(now).isLessThanOrEqualTo(last * (1 + 1e-6));
                last = now;
            }
        }
        assertThat(last).isCloseTo(best, within(1e-3 * best));
    }

    @Test
    void aMapThatGainsRankIsFollowed() {
        FloatMatrix full = ExactSvdTest.matrix(24, 24, 0.7);
        FloatMatrix rankOne = FloatMatrix.wrap(24, 24, new float[24 * 24]);
        for (int i = 0; i < 24; i++) {
            for (int j = 0; j < 24; j++) {
                rankOne.set(i, j, (i + 1) * 0.5f);
            }
        }
        FloatMatrix zero = FloatMatrix.wrap(24, 24, new float[24 * 24]);
        double best = ExactSvd.of(full).residual(4);
        for (FloatMatrix first : new FloatMatrix[] {zero, rankOne}) {
            try (SubspaceIteration iteration = new SubspaceIteration(24, 24, 6, stream());
                    LowRank out = LowRank.allocate(24, 24, 4)) {
                iteration.approximate(LinearMap.of(first), out, Workers.serial());
                assertThat(residual(first, out)).isLessThan(1e-4);
                for (int step = 0; step < 4; step++) {
                    iteration.approximate(LinearMap.of(full), out, Workers.serial());
                }
                assertThat(residual(full, out)).isCloseTo(best, within(0.02 * best));
            }
        }
    }

    @Test
    void anyWorkersGiveTheSameBits() {
        FloatMatrix m = ExactSvdTest.matrix(130, 270, 0.99);
        int expected = bits(m, Workers.serial());
        for (int threads = 2; threads <= 3; threads++) {
            try (ExecutorService executor = Executors.newFixedThreadPool(threads)) {
                assertThat(bits(m, Workers.on(executor, threads))).isEqualTo(expected);
            }
        }
    }

    private static int bits(FloatMatrix m, Workers workers) {
        try (LowRank out = LowRank.allocate(m.rows(), m.columns(), 9)) {
            RandomizedSvd.of(LinearMap.of(m), out, 10, 2, stream(), workers);
            return 31 * Arrays.hashCode(out.left().toArray())
                    + Arrays.hashCode(out.right().toArray());
        }
    }
}
