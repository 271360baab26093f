package dev.lowbit.linalg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Arrays;
import org.ejml.simple.SimpleMatrix;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ExactSvdTest {
    /** A deterministic matrix of normals whose column j is scaled by decay^j. */
    static FloatMatrix matrix(int rows, int columns, double decay) {
        FloatMatrix m = FloatMatrix.wrap(rows, columns, new float[rows * columns]);
        RandomStream stream = RandomStream.of(7, "test", rows + "x" + columns);
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                m.set(i, j, (float) (stream.nextGaussian() * StrictMath.pow(decay, j)));
            }
        }
        return m;
    }

    @ParameterizedTest
    @CsvSource({"1,1", "1,9", "9,1", "5,5", "16,33", "33,16", "100,64", "64,100", "65,65"})
    void singularValuesAgreeWithAnIndependentLibrary(int rows, int columns) {
        FloatMatrix m = matrix(rows, columns, 0.9);
        double[] values = ExactSvd.of(m).singularValues();
        SimpleMatrix reference = new SimpleMatrix(rows, columns);
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                reference.set(i, j, m.get(i, j));
            }
        }
        double[] expected = reference.svd().getSingularValues();
        // Both are backward stable in double: a modest multiple of eps times the largest value.
        for (int k = 0; k < values.length; k++) {
            assertThat(values[k]).isCloseTo(expected[k], within(1e-12 * expected[0]));
        }
    }

    @ParameterizedTest
    @CsvSource({"12,20", "20,12"})
    void truncationLeavesTheResidualOfTheTail(int rows, int columns) {
        FloatMatrix m = matrix(rows, columns, 0.8);
        ExactSvd svd = ExactSvd.of(m);
        for (int rank = 0; rank <= 12; rank++) {
            try (LowRank out = LowRank.allocate(rows, columns, rank)) {
                svd.truncate(out);
                FloatMatrix rest = FloatMatrix.wrap(rows, columns, m.toArray());
                out.subtractFrom(rest, Workers.serial());
                // Factors are rounded to float once: 2^-24 relative, times the norm of the matrix.
                double rounding = 4e-7 * Norms.frobenius(m, Workers.serial());
                assertThat(Norms.frobenius(rest, Workers.serial())).isCloseTo(svd.residual(rank), within(rounding));
            }
        }
    }

    @Test
    void factorsAreBalancedAndOrdered() {
        FloatMatrix m = matrix(20, 30, 0.9);
        ExactSvd svd = ExactSvd.of(m);
        try (LowRank out = LowRank.allocate(20, 30, 4)) {
            svd.truncate(out);
            for (int k = 0; k < 4; k++) {
                double left = 0;
                double right = 0;
                for (int i = 0; i < 20; i++) {
                    left += Math.pow(out.left().get(i, k), 2);
                }
                for (int j = 0; j < 30; j++) {
                    right += Math.pow(out.right().get(k, j), 2);
                }
                assertThat(left).isCloseTo(svd.singularValues()[k], within(1e-5));
                assertThat(right).isCloseTo(svd.singularValues()[k], within(1e-5));
            }
        }
    }

    @Test
    void zeroAndRankDeficientMatricesGiveNoNaN() {
        FloatMatrix zero = FloatMatrix.wrap(6, 4, new float[24]);
        ExactSvd svd = ExactSvd.of(zero);
        assertThat(svd.singularValues()).containsOnly(0);
        FloatMatrix ones = FloatMatrix.wrap(6, 4, new float[24]);
        for (int i = 0; i < 6; i++) {
            for (int j = 0; j < 4; j++) {
                ones.set(i, j, 2);
            }
        }
        for (FloatMatrix m : new FloatMatrix[] {zero, ones}) {
            try (LowRank out = LowRank.allocate(6, 4, 4)) {
                ExactSvd.of(m).truncate(out);
                FloatMatrix product = FloatMatrix.allocate(6, 4);
                out.expand(product, Workers.serial());
                for (int i = 0; i < 6; i++) {
                    for (int j = 0; j < 4; j++) {
                        assertThat(product.get(i, j)).isCloseTo(m.get(i, j), within(1e-5f));
                    }
                }
                product.close();
            }
        }
        assertThat(ExactSvd.of(ones).singularValues()[0]).isCloseTo(2 * Math.sqrt(24), within(1e-12));
    }

    @Test
    void extremeMagnitudesNeitherOverflowNorVanish() {
        for (float scale : new float[] {1e30f, 1e-30f}) {
            FloatMatrix m = matrix(8, 8, 1);
            for (int i = 0; i < 8; i++) {
                for (int j = 0; j < 8; j++) {
                    m.set(i, j, m.get(i, j) * scale);
                }
            }
            double[] values = ExactSvd.of(m).singularValues();
            double sum = Arrays.stream(values).map(v -> v * v).sum();
            assertThat(Math.sqrt(sum) / Norms.frobenius(m, Workers.serial())).isCloseTo(1, within(1e-12));
        }
    }

    @Test
    void aRankBeyondTheMatrixIsRefused() {
        assertThatThrownBy(() -> LowRank.allocate(3, 5, 4)).hasMessageContaining("rank 4 is not possible");
    }
}
