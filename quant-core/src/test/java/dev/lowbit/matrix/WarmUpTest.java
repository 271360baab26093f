package dev.lowbit.matrix;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.util.List;
import org.junit.jupiter.api.Test;

class WarmUpTest {
    /** Slower and slower, as a machine with other work may be: that must end all the same. */
    private static final class Slowing implements QuantizedMatrix {
        private long products;

        @Override
        public int rows() {
            return 3;
        }

        @Override
        public int columns() {
            return 5;
        }

        @Override
        public String format() {
            return "slowing";
        }

        @Override
        public List<Part> parts() {
            return List.of();
        }

        @Override
        public void dequantize(int fromRow, FloatMatrix out, Workers workers) {
            throw new AssertionError("a product needs no decoding");
        }

        @Override
        public void multiply(FloatMatrix x, FloatMatrix y, Workers workers) {
            assertThat(x.columns()).isEqualTo(5);
            assertThat(y.columns()).isEqualTo(3);
            long end = System.nanoTime() + 1000 * products++;
            while (System.nanoTime() < end) {
                Thread.onSpinWait();
            }
        }
    }

    @Test
    void endsAndSaysHowManyProductsItTook() {
        Slowing matrix = new Slowing();
        assertThat(WarmUp.products(matrix, Workers.serial()))
                .isEqualTo(matrix.products)
                .isPositive();
    }
}
