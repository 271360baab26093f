package dev.lowbit.linalg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Tag("kernels")
class GramTest {
    private static final int K_BLOCK = 256;

    @ParameterizedTest
    @CsvSource({"0,3", "1,1", "3,5", "255,7", "256,16", "257,33", "600,97", "5,200"})
    void bothOrientationsHaveTheBitsOfTheTwin(int length, int n) {
        FloatMatrix x = Matrices.gaussian(length, n, 1);
        double[] expected = twin(x);
        assertThat(Gram.of(x, true, Workers.serial())).isEqualTo(expected);
        assertThat(Gram.of(Matrices.transpose(x), false, Workers.serial())).isEqualTo(expected);
        Matrices.withEveryThreadCount(
                workers -> assertThat(Gram.of(x, true, workers)).isEqualTo(expected));
    }

    @Test
    void accumulatesBatchAfterBatch() {
        FloatMatrix first = Matrices.gaussian(300, 101, 2);
        FloatMatrix second = Matrices.gaussian(70, 101, 3);
        double[] a = twin(first);
        double[] b = twin(second);
        try (Arena arena = Arena.ofShared()) {
            MemorySegment gram = arena.allocate(101L * 101 * Double.BYTES);
            Matrices.withEveryThreadCount(workers -> {
                gram.fill((byte) 0);
                Gram.accumulate(first, gram, workers);
                Gram.accumulate(second, gram, workers);
                double[] sums = gram.toArray(ValueLayout.JAVA_DOUBLE);
                for (int i = 0; i < sums.length; i++) {
                    assertThat(sums[i]).isEqualTo(a[i] + b[i]);
                }
            });
            assertThatThrownBy(() -> Gram.accumulate(first, gram.asSlice(8), Workers.serial()))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("the Gram matrix of 101 inputs needs 10201 doubles");
        }
    }

    @ParameterizedTest
    @CsvSource({"1,1,1", "7,3,5", "300,101,33", "257,16,97"})
    void accumulatesProductsOfTwoMatrices(int length, int m, int n) {
        FloatMatrix x = Matrices.gaussian(length, m, 4);
        FloatMatrix y = Matrices.gaussian(length, n, 5);
        double[] expected = twin(x, y);
        try (Arena arena = Arena.ofShared()) {
            MemorySegment sums = arena.allocate((long) m * n * Double.BYTES);
            Matrices.withEveryThreadCount(workers -> {
                sums.fill((byte) 0);
                Gram.accumulate(x, y, sums, workers);
                assertThat(sums.toArray(ValueLayout.JAVA_DOUBLE)).isEqualTo(expected);
                Gram.accumulate(x, y, sums, workers);
                assertThat(sums.getAtIndex(ValueLayout.JAVA_DOUBLE, (long) m * n - 1))
                        .isEqualTo(2 * expected[m * n - 1]);
            });
            assertThatThrownBy(() -> Gram.accumulate(x, y, sums.asSlice(8), Workers.serial()))
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void theLargestFloatsDoNotOverflow() {
        FloatMatrix x = FloatMatrix.wrap(2, 1, new float[] {Float.MAX_VALUE, Float.MAX_VALUE});
        assertThat(Gram.of(x, true, Workers.serial())[0]).isEqualTo(2.0 * Float.MAX_VALUE * Float.MAX_VALUE);
        FloatMatrix tiny = FloatMatrix.wrap(1, 1, new float[] {Float.MIN_VALUE});
        assertThat(Gram.of(tiny, true, Workers.serial())[0]).isEqualTo((double) Float.MIN_VALUE * Float.MIN_VALUE);
    }

    private static double[] twin(FloatMatrix x) {
        return twin(x, x);
    }

    private static double[] twin(FloatMatrix x, FloatMatrix y) {
        int n = y.columns();
        double[] gram = new double[x.columns() * n];
        for (int i = 0; i < x.columns(); i++) {
            for (int j = 0; j < n; j++) {
                for (int from = 0; from < x.rows(); from += K_BLOCK) {
                    double sum = 0;
                    for (int k = from; k < Math.min(x.rows(), from + K_BLOCK); k++) {
                        sum += (double) x.get(k, i) * y.get(k, j);
                    }
                    gram[i * n + j] += sum;
                }
            }
        }
        return gram;
    }
}
