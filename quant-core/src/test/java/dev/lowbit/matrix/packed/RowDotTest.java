package dev.lowbit.matrix.packed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.kernel.Lanes;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The SIMD verb gives the bits of the scalar one, and that one the sum of products. */
@Tag("kernels")
class RowDotTest {
    private static final int TABLE = RowDot.TABLE;

    private final RowDot scalar = new ScalarRowDot();
    private final RowDot vector = new VectorRowDot();

    private static float value(Random random) {
        return switch (random.nextInt(12)) {
            case 0 -> 0f;
            case 1 -> -0f;
            case 2 -> Float.MIN_VALUE;
            case 3 -> -3e10f;
            default -> (float) random.nextGaussian();
        };
    }

    @ParameterizedTest
    @CsvSource({
        "4, 32", "4, 64", "4, 96", "4, 4096", "4, 16", "4, 8", "4, 2", "2, 64", "2, 128", "2, 192", "2, 4096", "2, 32",
        "2, 16", "2, 4"
    })
    void sameBitsAsTheFormula(int bits, int width) {
        Random random = new Random(31 * bits + width);
        int chunk = Math.max(width, RowDot.step(bits));
        for (int chunks : new int[] {1, 2, 5}) {
            for (int variant = 0; variant < 8; variant++) {
                boolean oneTable = variant % 2 == 0;
                int count = chunk * chunks;
                int groups = count / width;
                if (!oneTable && width < chunk) {
                    assertThat(RowDot.knows(bits, width, count, false)).isFalse();
                    continue;
                }
                assertThat(RowDot.knows(bits, width, count, oneTable)).isTrue();
                byte[] codes = new byte[count];
                for (int i = 0; i < count; i++) {
                    codes[i] = (byte) random.nextInt(1 << bits);
                }
                byte[] row = new byte[count * bits / 8 + Packing.SLACK];
                random.nextBytes(row);
                Packing.get().pack(codes, 0, count, bits, row, 0);
                int tableStep = oneTable ? 0 : TABLE;
                float[] tables = new float[groups * TABLE];
                for (int i = 0; i < tables.length; i++) {
                    int entry = i % TABLE;
                    tables[i] = entry < 1 << bits ? value(random) : tables[i - (1 << bits)];
                }
                boolean integers = oneTable && random.nextBoolean();
                if (integers) {
                    tables = RowDot.integers(bits);
                }
                float[] given = integers ? null : tables;
                float[] zeros = variant < 4 ? null : new float[groups + RowDot.LANES];
                float[] scales = variant % 4 < 2 ? null : new float[groups + RowDot.LANES];
                for (int g = 0; g < groups + RowDot.LANES; g++) {
                    if (zeros != null) {
                        zeros[g] = random.nextInt(256);
                    }
                    if (scales != null) {
                        scales[g] = value(random);
                    }
                }
                float[] x = new float[count];
                for (int i = 0; i < count; i++) {
                    x[i] = value(random);
                }
                float[] arranged = RowDot.arrange(x, bits);
                float[] lanes = new float[RowDot.LANES];
                lanes[random.nextInt(lanes.length)] = value(random);
                float[] actual = lanes.clone();
                float before = Lanes.sum(lanes);
                scalar.dot(row, bits, count, width, given, tableStep, zeros, scales, arranged, 0, lanes);
                vector.dot(row, bits, count, width, given, tableStep, zeros, scales, arranged, 0, actual);
                assertThat(actual).isEqualTo(lanes);
                requireSum(codes, width, tables, tableStep, zeros, scales, x, before, Lanes.sum(lanes));
            }
        }
    }

    /** Sums of n terms in floats are off by at most n + 3 roundings of the sum of magnitudes. */
    private static void requireSum(
            byte[] codes,
            int width,
            float[] tables,
            int tableStep,
            float[] zeros,
            float[] scales,
            float[] x,
            float before,
            float actual) {
        double sum = before;
        double magnitude = Math.abs(before);
        for (int i = 0; i < codes.length; i++) {
            int group = i / width;
            float entry = tables[group * tableStep + codes[i]];
            float level = zeros == null ? entry : entry - zeros[group];
            double term = (scales == null ? 1.0 : scales[group]) * level * x[i];
            sum += term;
            magnitude += Math.abs(term);
        }
        assertThat((double) actual).isCloseTo(sum, within((codes.length + 3) * 0x1p-23 * magnitude + Float.MIN_NORMAL));
    }

    @Test
    void knowsWholeStepsOnly() {
        assertThat(RowDot.knows(4, 16, 64, false)).isFalse();
        assertThat(RowDot.knows(4, 16, 48, true)).isFalse();
        assertThat(RowDot.knows(4, 48, 96, true)).isFalse();
        assertThat(RowDot.knows(2, 2, 64, true)).isFalse();
        assertThat(RowDot.knows(2, 24, 192, true)).isFalse();
        assertThat(RowDot.knows(4, 64, 96, true)).isFalse();
        assertThat(RowDot.knows(3, 128, 128, true)).isFalse();
        assertThat(RowDot.knows(8, 128, 128, true)).isFalse();
    }
}
