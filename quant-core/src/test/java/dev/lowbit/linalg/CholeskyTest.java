package dev.lowbit.linalg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CholeskyTest {
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 7, 40, 129})
    void factorInverseAndSolutionsAgreeWithEjml(int n) {
        double[] a = positive(n);
        Cholesky cholesky = (Cholesky) Cholesky.of(a, n);
        assertThat(cholesky.n()).isEqualTo(n);
        if (n == 0) {
            return;
        }
        var oracle = DecompositionFactory_DDRM.chol(n, true);
        oracle.decompose(DMatrixRMaj.wrap(n, n, a.clone()));
        DMatrixRMaj lower = oracle.getT(null);
        DMatrixRMaj inverse = new DMatrixRMaj(n, n);
        CommonOps_DDRM.invert(DMatrixRMaj.wrap(n, n, a.clone()), inverse);
        double[] ours = cholesky.inverse();
        double[] lowerInverse = cholesky.lowerInverse();
        // The matrix has eigenvalues between 1 and about 5, so n eps times a small factor covers both libraries.
        double tolerance = 1e-14 * (n + 10);
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                assertThat(cholesky.lower()[i * n + j]).isCloseTo(lower.get(i, j), within(tolerance));
                assertThat(ours[i * n + j]).isCloseTo(inverse.get(i, j), within(tolerance));
                assertThat(ours[i * n + j]).isEqualTo(ours[j * n + i]);
                double identity = 0;
                for (int k = 0; k < n; k++) {
                    identity += lowerInverse[i * n + k] * cholesky.lower()[k * n + j];
                }
                assertThat(identity).isCloseTo(i == j ? 1 : 0, within(tolerance));
            }
        }
        double[] x = new double[n];
        double[] b = new double[n];
        for (int i = 0; i < n; i++) {
            x[i] = Math.cos(i);
        }
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                b[i] += a[i * n + j] * x[j];
            }
        }
        cholesky.solve(b);
        for (int i = 0; i < n; i++) {
            assertThat(b[i]).isCloseTo(x[i], within(10 * tolerance));
        }
    }

    @Test
    void failureSaysWhereAndReadsOnlyTheLowerTriangle() {
        double[] a = {4, 99, 99, 2, 5, 99, 2, 1, 1};
        assertThat(Cholesky.of(a, 3)).isEqualTo(new NotPositiveDefinite(2, 0));
        a[8] = 1.5;
        assertThat(Cholesky.of(a, 3)).isInstanceOf(Cholesky.class);
        a[4] = Double.NaN;
        assertThat(Cholesky.of(a, 3)).isEqualTo(new NotPositiveDefinite(1, Double.NaN));
        assertThat(Cholesky.of(new double[1], 1)).isEqualTo(new NotPositiveDefinite(0, 0));
        assertThatThrownBy(() -> Cholesky.of(a, 2)).isInstanceOf(IllegalArgumentException.class);
        Cholesky one = (Cholesky) Cholesky.of(new double[] {4}, 1);
        assertThatThrownBy(() -> one.solve(new double[2])).isInstanceOf(IllegalArgumentException.class);
    }

    /** The factorization as its definition has it, one scalar after the other. */
    private static double[] plainFactor(double[] a, int n) {
        double[] l = new double[n * n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j <= i; j++) {
                double sum = a[i * n + j];
                for (int k = 0; k < j; k++) {
                    sum -= l[i * n + k] * l[j * n + k];
                }
                l[i * n + j] = i == j ? Math.sqrt(sum) : sum / l[j * n + j];
            }
        }
        return l;
    }

    private static double[] plainInverse(double[] l, int n) {
        double[] inverse = new double[n * n];
        for (int j = 0; j < n; j++) {
            for (int i = j; i < n; i++) {
                double sum = i == j ? 1 : 0;
                for (int k = j; k < i; k++) {
                    sum -= l[i * n + k] * inverse[k * n + j];
                }
                inverse[i * n + j] = sum / l[i * n + i];
            }
        }
        return inverse;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 63, 64, 65, 128, 200, 331})
    void blocksAgreeWithTheScalarDefinitionForAnyWorkers(int n) {
        double[] a = positive(n);
        double[] lower = plainFactor(a, n);
        double[] inverse = plainInverse(lower, n);
        Cholesky serial = (Cholesky) Cholesky.of(a, n);
        double tolerance = 1e-14 * (n + 10);
        assertThat(serial.lower()).containsExactly(lower, within(tolerance));
        assertThat(serial.lowerInverse()).containsExactly(inverse, within(tolerance));
        Matrices.withEveryThreadCount(workers -> {
            Cholesky parallel = (Cholesky) Cholesky.of(a, n, workers);
            assertThat(parallel.lower()).isEqualTo(serial.lower());
            assertThat(parallel.lowerInverse(workers)).isEqualTo(serial.lowerInverse());
        });
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 63, 64, 100, 199})
    void failureIsFoundInTheFirstColumnThatFails(int column) {
        int n = 200;
        double[] a = positive(n);
        a[column * n + column] = -3;
        a[199 * n + 199] = Double.NaN;
        assertThat(Cholesky.of(a, n))
                .isInstanceOfSatisfying(
                        NotPositiveDefinite.class,
                        failure -> assertThat(failure.column()).isEqualTo(column));
    }

    private static double[] positive(int n) {
        double[] gram = Gram.of(Matrices.gaussian(Math.max(1, n), n, 9), true, dev.lowbit.kernel.Workers.serial());
        double[] a = new double[n * n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                a[i * n + j] = gram[i * n + j] / n + (i == j ? 1 : 0);
            }
        }
        return a;
    }
}
