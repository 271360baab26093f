package dev.lowbit.pvtuning;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.linalg.RandomStream;
import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** SIMD bit for bit against scalar. */
@Tag("kernels")
class CodewordSearchTest {
    private static double[] gaussian(int count, String purpose) {
        RandomStream stream = RandomStream.of(7, purpose, "");
        double[] values = new double[count];
        Arrays.setAll(values, i -> stream.nextGaussian());
        return values;
    }

    @ParameterizedTest
    @CsvSource({
        "1,1,1",
        "3,2,5",
        "4,16,9",
        "8,255,23",
        "8,256,4",
        "8,19,70",
        "6,40,17",
        "4,12,37",
        "2,64,33",
        "16,33,6",
        "9,20,66",
        "5,7,0"
    })
    void everyWidthGivesTheBitsOfTheScalarForm(int dimensions, int entries, int count) {
        double[] points = gaussian((count + 2) * dimensions, "points");
        double[] codewords = gaussian(entries * dimensions, "codewords");
        CodewordLanes book = CodewordLanes.nearest(codewords, 0, entries, dimensions);
        int[] expected = new int[count + 2];
        int[] actual = new int[count + 2];
        new ScalarCodewordSearch().best(points, 1, count, book, expected);
        new VectorCodewordSearch().best(points, 1, count, book, actual);
        assertThat(actual).containsExactly(expected);
        double[] expectedGains = new double[book.stride()];
        double[] actualGains = new double[book.stride()];
        new ScalarCodewordSearch().gains(points, dimensions, book, expectedGains);
        new VectorCodewordSearch().gains(points, dimensions, book, actualGains);
        assertThat(actualGains).containsExactly(expectedGains);
    }

    @ParameterizedTest
    @CsvSource({"0", "1", "7", "8", "31", "64"})
    void theFirstLossBelowALimitIsThatOfTheScalarForm(int end) {
        double[] gains = gaussian(64, "gains");
        for (int from = 0; from <= end; from++) {
            for (double limit : new double[] {-9, -2, 0, 0.3 - 1.7 * (gains[3] + 0.1), 2, 9}) {
                int expected = new ScalarCodewordSearch().firstBelow(limit, 0.3, 1.7, -0.1, gains, from, end);
                assertThat(new VectorCodewordSearch().firstBelow(limit, 0.3, 1.7, -0.1, gains, from, end))
                        .isEqualTo(expected);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"0,3", "1,1", "7,8", "8,8", "9,2", "32,8", "45,5", "100,4"})
    void combinationsHaveTheBitsOfTheScalarForm(int length, int count) {
        double[] factors = gaussian(count + 1, "factors");
        double[] rows = gaussian(2 + count * (length + 3), "rows");
        double[] expected = gaussian(length + 2, "to");
        double[] actual = expected.clone();
        new ScalarCodewordSearch().addCombination(factors, 1, count, rows, 2, length + 3, expected, 1, length);
        new VectorCodewordSearch().addCombination(factors, 1, count, rows, 2, length + 3, actual, 1, length);
        assertThat(actual).containsExactly(expected);
    }

    @Test
    void ofEqualCodewordsTheFirstWins() {
        double[] points = gaussian(50 * 4, "points");
        double[] codewords = gaussian(20 * 4, "codewords");
        double[] doubled = Arrays.copyOf(codewords, 2 * codewords.length);
        System.arraycopy(codewords, 0, doubled, codewords.length, codewords.length);
        int[] once = new int[50];
        int[] twice = new int[50];
        new VectorCodewordSearch().best(points, 0, 50, CodewordLanes.nearest(codewords, 0, 20, 4), once);
        new VectorCodewordSearch().best(points, 0, 50, CodewordLanes.nearest(doubled, 0, 40, 4), twice);
        assertThat(twice).containsExactly(once);
    }
}
