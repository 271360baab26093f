package dev.lowbit.budget;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.error.InvalidRequestException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class BitBudgetTest {
    @ParameterizedTest
    @CsvSource({
        "12345, 12345",
        "0, 0",
        "500MB, 500000000",
        "3.2GiB, 3435973836",
        "3.2 gib, 3435973836",
        "1KiB, 1024",
        "1kB, 1000",
        "0.5B, 0",
        "1.5TiB, 1649267441664",
        "9223372036854775807, 9223372036854775807"
    })
    void readsSizes(String text, long bytes) {
        assertThat(BitBudget.parseSize(text).bytes()).isEqualTo(bytes);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "GiB", "-5MB", "1.2.3GB", "5 parsecs", "1e9", "0x10", "NaN", ".5GB", "5.", "1,5GB"})
    void refusesWhatIsNoSize(String text) {
        assertThatThrownBy(() -> BitBudget.parseSize(text))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessage("\"" + text + "\" is not a size; write for example 3.2GiB, 500MB or 12345");
    }

    @Test
    void refusesASizeBeyondSixtyThreeBits() {
        assertThatThrownBy(() -> BitBudget.parseSize("9223372036854775808"))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("2^63 - 1");
        assertThatThrownBy(() -> BitBudget.parseSize("9999999999TiB")).isInstanceOf(InvalidRequestException.class);
    }

    @ParameterizedTest
    // 2.1 bits of 10 weights are 21 bits although the double 2.1 * 10 / 8 could land on either side of it elsewhere.
    @CsvSource({"2.75, 1000, 343", "2.1, 80, 21", "8, 7, 7", "1, 7, 0", "2.5, 6476005376, 2023751680", "4, 0, 0"})
    void bitsPerWeightRoundDownToBytes(double bits, long weights, long bytes) {
        assertThat(BitBudget.ofBitsPerWeight(bits, weights).bytes()).isEqualTo(bytes);
    }

    @Test
    void neverExceedsTheBitsAskedFor() {
        for (long weights = 1; weights < 2000; weights++) {
            long bytes = BitBudget.ofBitsPerWeight(2.3, weights).bytes();
            assertThat(80 * bytes).isLessThanOrEqualTo(23 * weights);
            assertThat(80 * (bytes + 1)).isGreaterThan(23 * weights);
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, -1, Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY})
    void refusesBitsThatAreNoPositiveNumber(double bits) {
        assertThatThrownBy(() -> BitBudget.ofBitsPerWeight(bits, 100))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("positive number");
    }
}
