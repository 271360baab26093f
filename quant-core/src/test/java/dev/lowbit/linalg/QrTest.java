package dev.lowbit.linalg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Tag("kernels")
class QrTest {
    @ParameterizedTest
    @CsvSource({"1,1", "2,1", "5,5", "97,3", "300,74", "193,97", "260,200"})
    void columnsAreOrthonormalAndSpanTheSameAsEjmls(int m, int q) {
        FloatMatrix original = Matrices.gaussian(m, q, 1);
        FloatMatrix y = Matrices.copy(original);
        assertThat(Qr.orthonormalize(y, Workers.serial())).isEqualTo(q);
        assertThat(deviation(y, q)).isLessThan(1e-6);
        assertSameColumnsAsEjml(original, y);
    }

    /** Householder QR of EJML, signs aside: both are unique given a positive diagonal of R. */
    private static void assertSameColumnsAsEjml(FloatMatrix original, FloatMatrix y) {
        int m = y.rows();
        int q = y.columns();
        DMatrixRMaj a = new DMatrixRMaj(m, q);
        for (int i = 0; i < m; i++) {
            for (int j = 0; j < q; j++) {
                a.set(i, j, original.get(i, j));
            }
        }
        var oracle = DecompositionFactory_DDRM.qr(m, q);
        oracle.decompose(a);
        DMatrixRMaj expected = oracle.getQ(null, true);
        DMatrixRMaj r = oracle.getR(null, true);
        double smallest = Double.MAX_VALUE;
        for (int j = 0; j < q; j++) {
            smallest = Math.min(smallest, Math.abs(r.get(j, j)) / Math.sqrt(m));
        }
        for (int j = 0; j < q; j++) {
            double sign = Math.signum(r.get(j, j));
            for (int i = 0; i < m; i++) {
                // Float rounding, amplified by what is left of the thinnest column.
                assertThat(Math.abs(y.get(i, j) - sign * expected.get(i, j))).isLessThan(1e-6 / smallest);
            }
        }
    }

    @Test
    void dependentColumnsBecomeZeroAndTheRestStaysOrthonormal() {
        FloatMatrix y = Matrices.gaussian(100, 9, 2);
        for (int i = 0; i < 100; i++) {
            y.set(i, 2, 0);
            y.set(i, 4, 2 * y.get(i, 0));
            y.set(i, 7, y.get(i, 1) - 3 * y.get(i, 3));
        }
        assertThat(Qr.orthonormalize(y, Workers.serial())).isEqualTo(6);
        for (int i = 0; i < 100; i++) {
            assertThat(y.get(i, 2)).isZero();
            assertThat(y.get(i, 4)).isZero();
            assertThat(y.get(i, 7)).isZero();
        }
        assertThat(deviation(y, 9)).isLessThan(1e-6);
    }

    @Test
    void columnsOfEveryScaleAreEqualBeforeTheLaw() {
        FloatMatrix reference = Matrices.gaussian(64, 12, 3);
        FloatMatrix scaled = Matrices.copy(reference);
        for (int i = 0; i < 64; i++) {
            for (int j = 0; j < 12; j++) {
                scaled.set(i, j, Math.scalb(scaled.get(i, j), 20 * (j - 6)));
            }
        }
        Qr.orthonormalize(reference, Workers.serial());
        Qr.orthonormalize(scaled, Workers.serial());
        for (int i = 0; i < 64; i++) {
            for (int j = 0; j < 12; j++) {
                assertThat(scaled.get(i, j))
                        .isEqualTo(reference.get(i, j), org.assertj.core.api.Assertions.within(1e-6f));
            }
        }
    }

    @Test
    void nothingMakesItNotANumber() {
        List<BiFunction<Integer, Integer, Float>> hard = List.of(
                (i, j) -> 0f,
                (i, j) -> 1f,
                (i, j) -> i == j ? 1f : 0f,
                (i, j) -> Float.MIN_VALUE * ((i * 7 + j * j) % 3),
                (i, j) -> i == 0 ? 3e38f : 1e-30f * (i + j * j),
                (i, j) -> (i * 31 + j * 17) % 5 == 0 ? Float.MAX_VALUE : -Float.MAX_VALUE,
                (i, j) -> (float) (1.0 / (i + j + 1)));
        for (BiFunction<Integer, Integer, Float> values : hard) {
            FloatMatrix y = FloatMatrix.wrap(80, 20, new float[1600]);
            for (int i = 0; i < 80; i++) {
                for (int j = 0; j < 20; j++) {
                    y.set(i, j, values.apply(i, j));
                }
            }
            int rank = Qr.orthonormalize(y, Workers.serial());
            assertThat(rank).isBetween(0, 20);
            assertThat(deviation(y, 20)).isLessThan(1e-5);
        }
    }

    @Test
    void threadsDoNotChangeABit() {
        List<String> hashes = new ArrayList<>();
        Matrices.withEveryThreadCount(workers -> {
            FloatMatrix y = Matrices.gaussian(500, 110, 5);
            Qr.orthonormalize(y, workers);
            hashes.add(Matrices.hash(y));
        });
        assertThat(hashes).containsOnly(hashes.getFirst());
    }

    @Test
    void wideMatricesAreRefused() {
        assertThatThrownBy(() -> Qr.orthonormalize(Matrices.gaussian(2, 3, 1), Workers.serial()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("a basis of 3 columns needs at least 3 rows, got 2 x 3");
    }

    /** max |QᵀQ - I|, in double, zero columns aside; NaN counts as infinite. */
    private static double deviation(FloatMatrix y, int q) {
        double worst = 0;
        for (int i = 0; i < q; i++) {
            for (int j = 0; j <= i; j++) {
                double dot = 0;
                for (int k = 0; k < y.rows(); k++) {
                    dot += (double) y.get(k, i) * y.get(k, j);
                }
                double error = Math.abs(dot - (i == j && dot != 0 ? 1 : 0));
                worst = Math.max(worst, Double.isNaN(error) ? Double.POSITIVE_INFINITY : error);
            }
        }
        return worst;
    }
}
