package dev.lowbit.codebook;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CodebookTest {
    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4, 5, 6, 7, 8})
    void normalFloatHasExactEndsAndZeroAndOneMorePositiveValue(int bits) {
        Codebook book = NormalFloat.of(bits);
        int half = 1 << (bits - 1);
        assertThat(book.size()).isEqualTo(2 * half);
        assertThat(book.value(0)).isEqualTo(-1f);
        assertThat(book.value(half - 1)).isEqualTo(0f);
        assertThat(book.value(2 * half - 1)).isEqualTo(1f);
        assertThat(book.zeroCode()).isEqualTo(half - 1);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
    void uniformGridIsSymmetric(int bits) {
        Codebook grid = UniformGrid.of(bits);
        for (int code = 0; code < grid.size(); code++) {
            assertThat(grid.value(code)).isEqualTo(-grid.value(grid.size() - 1 - code));
        }
        assertThat(grid.value(grid.size() - 1)).isEqualTo(1f);
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 4, 8})
    void aTieGoesToTheLowerCodeAndTheNextFloatToTheUpper(int bits) {
        Codebook book = NormalFloat.of(bits);
        for (int code = 0; code < book.size() - 1; code++) {
            assertThat(book.encode(book.midpoint(code))).isEqualTo(code);
            assertThat(book.encode(Math.nextUp(book.midpoint(code)))).isEqualTo(code + 1);
        }
        assertThat(book.encode(Float.NEGATIVE_INFINITY)).isZero();
        assertThat(book.encode(Float.POSITIVE_INFINITY)).isEqualTo(book.size() - 1);
    }

    @Test
    void everyValueHasItsOwnCode() {
        for (Codebook book : new Codebook[] {NormalFloat.of(3), NormalFloat.of(8), UniformGrid.of(5)}) {
            assertThat(IntStream.range(0, book.size()).map(code -> book.encode(book.value(code))))
                    .containsExactlyElementsOf(
                            IntStream.range(0, book.size()).boxed().toList());
        }
    }

    @Test
    void refusesWhatIsNoCodebook() {
        assertThatThrownBy(() -> Codebook.ofValues(new float[] {0, 1, 2})).hasMessageContaining("got 3");
        assertThatThrownBy(() -> Codebook.ofValues(new float[] {1, 0})).hasMessageContaining("ascending");
        assertThatThrownBy(() -> Codebook.ofValues(new float[] {0, Float.NaN})).hasMessageContaining("finite");
        assertThatThrownBy(() -> Codebook.ofValues(new float[512])).hasMessageContaining("512");
        assertThatThrownBy(() -> NormalFloat.table(new float[4], new float[4])).hasMessageContaining("3 midpoints");
        assertThatThrownBy(() -> NormalFloat.of(1)).hasMessageContaining("2 to 8 bits");
        assertThatThrownBy(() -> UniformGrid.of(9)).hasMessageContaining("1 to 8 bits");
    }
}
