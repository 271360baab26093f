package dev.lowbit.compeft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.matrix.MalformedPartException;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RiceCodeTest {
    @Test
    void bitsAreInTheDocumentedOrder() {
        // gaps 5 and 0, b = 2: 1 0 01 0 | 0 00 1
        TernaryVector vector = TernaryVector.of(new byte[] {0, 0, 0, 0, 0, 1, -1, 0});
        byte[] stream = RiceCode.encode(vector, 2);
        assertThat(stream).containsExactly(0b10010000, 0b10000000);
        assertThat(RiceCode.decode(stream, 8, 2, 2)).isEqualTo(vector);
    }

    @ParameterizedTest
    @CsvSource({"1000,0,0", "0,0,0", "7,7,0", "1000,500,0", "1000,300,1", "1000,50,4", "1000,10,6", "1000000,1,19"})
    void theParameterIsTheFormulas(long length, long nonZeros, int parameter) {
        assertThat(RiceCode.parameter(length, nonZeros)).isEqualTo(parameter);
    }

    @Test
    void expectedBitsAreNearTheEntropy() {
        assertThat(RiceCode.expectedPositionBits(100, 1, RiceCode.parameter(100, 1)))
                .isCloseTo(8.11, within(0.005));
        assertThat(RiceCode.expectedPositionBits(100, 5, RiceCode.parameter(100, 5)))
                .isCloseTo(5.786, within(0.001));
        assertThat(EntropyBound.bits(1_000_000, 50_000) / 1e6).isCloseTo(0.336, within(0.001));
    }

    @Test
    void aVectorWithoutEntriesHasNoStream() {
        TernaryVector none = TernaryVector.of(new byte[0]);
        assertThat(RiceCode.encode(none, 3)).isEmpty();
        assertThat(RiceCode.decode(new byte[0], 0, 0, 3)).isEqualTo(none);
        assertThat(RiceCode.encode(TernaryVector.of(new byte[100]), 3)).isEmpty();
    }

    /** Quotients of hundreds of thousands of ones, and gaps wider than a word. */
    @ParameterizedTest
    @CsvSource({"0", "3", "17", "33", "40", "62"})
    void farEntriesSurviveAnyParameter(int parameter) {
        byte[] signs = new byte[300_000];
        signs[signs.length - 1] = -1;
        signs[57] = 1;
        signs[58] = -1;
        TernaryVector vector = TernaryVector.of(signs);
        byte[] stream = RiceCode.encode(vector, parameter);
        assertThat(RiceCode.decode(stream, signs.length, 3, parameter)).isEqualTo(vector);
    }

    @Test
    void refusesWhatNoEncoderWrites() {
        TernaryVector vector = TernaryVector.of(new byte[] {0, 0, 0, 0, 0, 1, -1, 0});
        byte[] stream = RiceCode.encode(vector, 2);
        refuses(Arrays.copyOf(stream, 1), 8, 2, 2, "ends inside code 1 of 2");
        refuses(Arrays.copyOf(stream, 1), 8, 3, 2, "too few for 3 codes");
        refuses(stream, 6, 2, 2, "where the entries end");
        refuses(stream, 8, 1, 2, "goes on for");
        refuses(stream, 8, 4, 2, "where the entries end");
        refuses(new byte[] {stream[0], (byte) (stream[1] | 1)}, 8, 2, 2, "padded");
        refuses(Arrays.copyOf(stream, 3), 8, 2, 2, "goes on for");
        refuses(new byte[] {-1, -1}, 8, 1, 0, "where the entries end");
        refuses(new byte[] {-1, -1}, 1000, 1, 0, "ends inside code 0");
        refuses(stream, 8, 2, -1, "parameter -1");
        refuses(stream, 8, 2, 63, "parameter 63");
        refuses(stream, 8, 9, 2, "9 non-zeros of 8");
        refuses(stream, -1, 0, 2, "of -1 entries");
        refuses(stream, 8, -1, 2, "-1 non-zeros");
        refuses(stream, 1L << 36, 1L << 36, 62, "too few");
    }

    private static void refuses(byte[] stream, long length, long nonZeros, int parameter, String message) {
        assertThatThrownBy(() -> RiceCode.decode(stream, length, nonZeros, parameter))
                .isInstanceOf(MalformedPartException.class)
                .hasMessageContaining(message);
    }
}
