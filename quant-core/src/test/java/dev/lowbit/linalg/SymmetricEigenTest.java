package dev.lowbit.linalg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SymmetricEigenTest {
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 5, 17, 64, 130})
    void diagonalizesAndAgreesWithEjml(int n) {
        double[] a = symmetric(n, 1);
        SymmetricEigen eigen = SymmetricEigen.of(a, n);
        assertDiagonalizes(a, n, eigen);
        if (n > 0) {
            var oracle = DecompositionFactory_DDRM.eig(n, false, true);
            oracle.decompose(DMatrixRMaj.wrap(n, n, a.clone()));
            double[] expected = new double[n];
            for (int i = 0; i < n; i++) {
                expected[i] = -oracle.getEigenvalue(i).getReal();
            }
            Arrays.sort(expected);
            for (int i = 0; i < n; i++) {
                // Both are backward stable: n eps times the norm (below n here) covers the two errors.
                assertThat(eigen.values()[i]).isCloseTo(-expected[i], within(1e-14 * n * n + 1e-15));
            }
        }
    }

    /** Gram matrices of more rows than columns: what should be zero is rounding, in any order and of any size. */
    @Test
    void convergesWithoutFullRank() {
        for (int rank = 1; rank < 100; rank += 3) {
            double[] x = symmetric(100, rank);
            double[] gram = new double[100 * 100];
            for (int i = 0; i < 100; i++) {
                for (int j = 0; j < 100; j++) {
                    for (int k = 0; k < rank; k++) {
                        gram[i * 100 + j] += x[i * 100 + k] * x[j * 100 + k];
                    }
                }
            }
            SymmetricEigen eigen = SymmetricEigen.of(gram, 100);
            assertDiagonalizes(gram, 100, eigen);
            for (int i = rank; i < 100; i++) {
                assertThat(eigen.values()[i]).isCloseTo(0, within(1e-12 * eigen.values()[0]));
            }
        }
    }

    @Test
    void survivesExtremesOfScaleAndStructure() {
        int n = 12;
        double[] zero = new double[n * n];
        assertThat(SymmetricEigen.of(zero, n).values()).containsOnly(0);
        double[] identity = new double[n * n];
        for (int i = 0; i < n; i++) {
            identity[i * n + i] = 3;
        }
        assertThat(SymmetricEigen.of(identity, n).values()).containsOnly(3);
        for (double scale : new double[] {1e-300, 1e-160, 1e160, 1e300}) {
            double[] a = symmetric(n, 2);
            for (int i = 0; i < a.length; i++) {
                a[i] *= scale;
            }
            SymmetricEigen eigen = SymmetricEigen.of(a, n);
            double expected = SymmetricEigen.of(symmetric(n, 2), n).values()[0];
            assertThat(eigen.values()[0] / scale).isCloseTo(expected, within(1e-13));
        }
        double[] graded = new double[n * n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                graded[i * n + j] = Math.pow(10, -3.0 * (i + j)) * (i == j ? 2 : 1);
            }
        }
        assertDiagonalizes(graded, n, SymmetricEigen.of(graded, n));
    }

    @Test
    void refusesWhatIsNotFinite() {
        double[] a = symmetric(3, 1);
        a[3] = Double.NaN;
        assertThatThrownBy(() -> SymmetricEigen.of(a, 3))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("entry (1, 0) is NaN; eigenvalues need a finite matrix");
        assertThatThrownBy(() -> SymmetricEigen.of(new double[5], 2)).isInstanceOf(IllegalArgumentException.class);
    }

    private static void assertDiagonalizes(double[] a, int n, SymmetricEigen eigen) {
        double norm = 0;
        for (double value : a) {
            norm = Math.max(norm, Math.abs(value));
        }
        double tolerance = 1e-15 * n * n * Math.max(norm, Double.MIN_NORMAL);
        for (int i = 0; i < n; i++) {
            assertThat(i == 0 || eigen.values()[i] <= eigen.values()[i - 1]).isTrue();
            for (int j = 0; j < n; j++) {
                double dot = 0;
                double rebuilt = 0;
                for (int k = 0; k < n; k++) {
                    dot += eigen.vector(k, i) * eigen.vector(k, j);
                    rebuilt += eigen.vector(i, k) * eigen.values()[k] * eigen.vector(j, k);
                }
                assertThat(dot).isCloseTo(i == j ? 1 : 0, within(1e-14 * n));
                assertThat(rebuilt).isCloseTo(a[i * n + j], within(tolerance));
            }
        }
    }

    private static double[] symmetric(int n, long seed) {
        RandomStream random = RandomStream.of(seed, "test", "symmetric");
        double[] a = new double[n * n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j <= i; j++) {
                a[i * n + j] = random.nextGaussian();
                a[j * n + i] = a[i * n + j];
            }
        }
        return a;
    }
}
