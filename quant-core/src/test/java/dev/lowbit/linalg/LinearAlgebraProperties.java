package dev.lowbit.linalg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** Laws that hold for any shape. */
class LinearAlgebraProperties {
    @Property(tries = 60)
    void productsTransposeLikeProducts(
            @ForAll @IntRange(min = 1, max = 40) int m,
            @ForAll @IntRange(min = 1, max = 40) int n,
            @ForAll @IntRange(min = 1, max = 300) int k,
            @ForAll long seed) {
        FloatMatrix a = Matrices.gaussian(m, k, seed);
        FloatMatrix b = Matrices.gaussian(k, n, seed + 1);
        FloatMatrix ab = FloatMatrix.wrap(m, n, new float[m * n]);
        FloatMatrix transposed = FloatMatrix.wrap(n, m, new float[m * n]);
        Gemm.multiply(a, false, b, false, ab, Gemm.Mode.SET, Workers.serial());
        Gemm.multiply(b, true, a, true, transposed, Gemm.Mode.SET, Workers.serial());
        assertThat(Matrices.transpose(transposed).toArray()).isEqualTo(ab.toArray());
    }

    @Property(tries = 60)
    void cuttingKAtBlocksChangesNoBit(
            @ForAll @IntRange(min = 1, max = 30) int m,
            @ForAll @IntRange(min = 1, max = 300) int rest,
            @ForAll @IntRange(min = 1, max = 2) int blocks,
            @ForAll long seed) {
        int cut = blocks * Gemm.K_BLOCK;
        FloatMatrix a = Matrices.gaussian(cut + rest, m, seed);
        FloatMatrix b = Matrices.gaussian(cut + rest, 9, seed + 1);
        FloatMatrix whole = FloatMatrix.wrap(m, 9, new float[m * 9]);
        FloatMatrix parts = FloatMatrix.wrap(m, 9, new float[m * 9]);
        Gemm.multiply(a, true, b, false, whole, Gemm.Mode.SET, Workers.serial());
        Gemm.multiply(a.rows(0, cut), true, b.rows(0, cut), false, parts, Gemm.Mode.SET, Workers.serial());
        Gemm.multiply(a.rows(cut, rest), true, b.rows(cut, rest), false, parts, Gemm.Mode.ADD, Workers.serial());
        assertThat(parts.toArray()).isEqualTo(whole.toArray());
    }

    @Property(tries = 60)
    void eigenvaluesSumToTheTraceAndSurviveAShift(
            @ForAll @IntRange(min = 1, max = 30) int n,
            @ForAll @IntRange(min = -8, max = 8) int shift,
            @ForAll long seed) {
        double[] a = Gram.of(Matrices.gaussian(n, n, seed), true, Workers.serial());
        SymmetricEigen eigen = SymmetricEigen.of(a, n);
        double trace = 0;
        double sum = 0;
        double[] shifted = a.clone();
        for (int i = 0; i < n; i++) {
            trace += a[i * n + i];
            sum += eigen.values()[i];
            shifted[i * n + i] += shift;
        }
        double norm = eigen.values()[0] + Math.abs(shift);
        double[] values = SymmetricEigen.of(shifted, n).values();
        // Backward stable: each value within a few n eps of the norm.
        assertThat(sum).isCloseTo(trace, within(1e-14 * n * n * norm));
        for (int i = 0; i < n; i++) {
            assertThat(values[i]).isCloseTo(eigen.values()[i] + shift, within(1e-14 * n * norm));
        }
    }

    @Property(tries = 60)
    void basesKeepTheSpan(
            @ForAll @IntRange(min = 1, max = 20) int q,
            @ForAll @IntRange(min = 0, max = 60) int more,
            @ForAll @IntRange(min = 1, max = 20) int rank,
            @ForAll long seed) {
        int m = q + more;
        int r = Math.min(rank, q);
        FloatMatrix y = FloatMatrix.wrap(m, q, new float[m * q]);
        // Float products of rank r leave a noise of full rank near 1e-7 behind, below what counts as independent.
        Gemm.multiply(
                Matrices.gaussian(m, r, seed),
                false,
                Matrices.gaussian(r, q, seed + 1),
                false,
                y,
                Gemm.Mode.SET,
                Workers.serial());
        FloatMatrix basis = Matrices.copy(y);
        int found = Qr.orthonormalize(basis, Workers.serial());
        assertThat(found).isBetween(1, q);
        FloatMatrix coefficients = FloatMatrix.wrap(q, q, new float[q * q]);
        Gemm.multiply(basis, true, y, false, coefficients, Gemm.Mode.SET, Workers.serial());
        FloatMatrix rest = Matrices.copy(y);
        Gemm.multiply(basis, false, coefficients, false, rest, Gemm.Mode.SUBTRACT, Workers.serial());
        // What the basis misses of a dropped column is below 1e-6 of it, amplified by those dropped before it.
        assertThat(Norms.frobenius(rest, Workers.serial())).isLessThan(1e-5 * Norms.frobenius(y, Workers.serial()));
    }

    @Property(tries = 40)
    void normsDoNotDependOnThreads(
            @ForAll @IntRange(min = 1, max = 300) int rows,
            @ForAll @IntRange(min = 1, max = 700) int columns,
            @ForAll long seed) {
        FloatMatrix a = Matrices.gaussian(rows, columns, seed);
        FloatMatrix zero = FloatMatrix.wrap(rows, columns, new float[rows * columns]);
        double expected = Norms.sumOfSquares(a, Workers.serial());
        try (var executor = java.util.concurrent.Executors.newFixedThreadPool(3)) {
            Workers three = Workers.on(executor, 3);
            assertThat(Norms.sumOfSquares(a, three)).isEqualTo(expected);
            assertThat(Norms.squaredDifference(a, zero, three)).isEqualTo(expected);
            assertThat(Norms.frobenius(a, three)).isEqualTo(Math.sqrt(expected));
        }
    }
}
