package dev.lowbit.int2lrec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The costs of the search: SIMD bit for bit against scalar, scalar against StrictMath. */
@Tag("kernels")
class RangeCostsTest {
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 15, 33, 1000})
    void everyWidthGivesTheBitsOfTheScalarForm(int length) {
        float[] values = Layers.gaussian(1, length, 1).toArray();
        for (int i = 0; i < length; i++) {
            values[i] = i == 0 ? 0 : Math.clamp(values[i], -2, 2);
        }
        float[] scales = new float[80];
        float[] zeros = new float[80];
        for (int c = 0; c < 80; c++) {
            scales[c] = (c + 1) * 0.01f;
            zeros[c] = c % 5;
        }
        scales[7] = 1e-30f;
        for (int largest : new int[] {1, 3, 255}) {
            double[] expected = new double[80];
            double[] actual = new double[80];
            new ScalarRangeCosts().of(values, scales, zeros, largest, expected);
            new VectorRangeCosts().of(values, scales, zeros, largest, actual);
            assertThat(actual).isEqualTo(expected);
            double exact = 0;
            for (float value : values) {
                int code = AffineGrid.quantize(value, scales[3], (int) zeros[3], largest);
                exact += StrictMath.pow(Math.abs(scales[3] * (code - zeros[3]) - value), 2.4);
            }
            assertThat(expected[3]).isCloseTo(exact, within(1e-6 * exact));
        }
    }

    @Test
    void powers() {
        assertThat(ScalarRangeCosts.power(0)).isZero();
        for (int i = 1; i < 4000; i++) {
            float x = i * (i % 2 == 0 ? -0.001f : 1e-7f);
            double expected = StrictMath.pow(Math.abs(x), 2.4);
            assertThat(ScalarRangeCosts.power(x)).isCloseTo((float) expected, within((float) (1e-6 * expected)));
        }
    }
}
