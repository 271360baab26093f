package dev.lowbit.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class FloatMatrixTest {
    @Test
    void closesTwice() {
        FloatMatrix matrix = FloatMatrix.allocate(2, 3);
        matrix.close();
        matrix.close();
        assertThatThrownBy(() -> matrix.get(0, 0)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void aViewClosesNothing() {
        try (FloatMatrix matrix = FloatMatrix.allocate(2, 3)) {
            matrix.rows(1, 1).close();
            assertThat(matrix.get(1, 2)).isZero();
        }
    }
}
