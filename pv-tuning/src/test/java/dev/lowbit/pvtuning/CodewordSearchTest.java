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
    @CsvSource({"1,1,1", "3,2,5", "4,16,9", "8,255,23", "8,256,4", "16,33,6", "5,7,0"})
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
