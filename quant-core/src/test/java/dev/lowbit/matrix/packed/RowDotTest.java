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
        "2, 16", "2, 4", "3, 128", "3, 256", "3, 384", "3, 4096", "3, 64", "3, 32", "3, 16", "3, 8", "8, 32", "8, 64",
        "8, 96", "8, 4096"
    })
    void sameBitsAsTheFormula(int bits, int width) {
        Random random = new Random(31 * bits + width);
        int chunk = Math.max(width, RowDot.step(bits));
        for (int chunks : new int[] {1, 2, 5}) {
            for (int variant = 0; variant < 8; variant++) {
                boolean oneTable = bits == 8 || variant % 2 == 0;
                int count = chunk * chunks;
                if (!oneTable && width < chunk) {
                    assertThat(RowDot.knows(bits, width, count, true, false)).isFalse();
                    continue;
                }
                assertThat(RowDot.knows(bits, width, count, !oneTable, bits == 8))
                        .isTrue();
                boolean integers = bits == 8 || oneTable && random.nextBoolean();
                float[] table = integers || !oneTable ? null : table(random, bits);
                RowBlock rows = new RowBlock(bits, count, width, table, !oneTable, variant >= 4, variant % 4 >= 2);
                random.nextBytes(rows.codes);
                for (int i = 0; !oneTable && i < rows.tables.length; i += TABLE) {
                    System.arraycopy(table(random, bits), 0, rows.tables, i, TABLE);
                }
                if (rows.zeros != null) {
                    random.nextBytes(rows.zeros);
                }
                for (int i = 0; rows.scales != null && i < rows.scales.length; i++) {
                    rows.scales[i] = value(random);
                }
                float[] x = new float[count];
                for (int i = 0; i < count; i++) {
                    x[i] = value(random);
                }
                int before = random.nextInt(3);
                float[] arranged = new float[before + count];
                System.arraycopy(RowDot.arrange(x, bits), 0, arranged, before, count);
                float[] lanes = new float[RowDot.ROWS * RowDot.LANES];
                for (int row = 0; row < RowDot.ROWS; row++) {
                    lanes[row * RowDot.LANES + random.nextInt(RowDot.LANES)] = value(random);
                }
                float[] first = lanes.clone();
                float[] actual = lanes.clone();
                scalar.dot(rows, arranged, before, lanes);
                vector.dot(rows, arranged, before, actual);
                assertThat(actual).isEqualTo(lanes);
                for (int row = 0; row < RowDot.ROWS; row++) {
                    int at = row * RowDot.LANES;
                    requireSum(rows, row, x, Lanes.sum(first, at), Lanes.sum(lanes, at));
                }
            }
        }
    }

    private static float[] table(Random random, int bits) {
        float[] table = new float[TABLE];
        for (int i = 0; i < TABLE; i++) {
            table[i] = i < 1 << bits ? value(random) : table[i - (1 << bits)];
        }
        return table;
    }

    /** Sums of n terms in floats are off by at most n + 3 roundings of the sum of magnitudes. */
    private static void requireSum(RowBlock rows, int row, float[] x, float before, float actual) {
        byte[] codes = new byte[rows.count];
        Packing.get().unpack(rows.codes, row * rows.bytes * Byte.SIZE, rows.count, rows.bits, codes, 0);
        double sum = before;
        double magnitude = Math.abs(before);
        for (int i = 0; i < codes.length; i++) {
            int group = row * rows.groups + i / rows.width;
            int code = codes[i] & 0xff;
            double level = rows.tables == null ? code : rows.tables[group * rows.tableStep + code];
            if (rows.zeros != null) {
                level -= rows.zeros[group] & 0xff;
            }
            double term = (rows.scales == null ? 1.0 : rows.scales[group]) * level * x[i];
            sum += term;
            magnitude += Math.abs(term);
        }
        assertThat((double) actual).isCloseTo(sum, within((codes.length + 3) * 0x1p-23 * magnitude + Float.MIN_NORMAL));
    }

    @Test
    void knowsWholeStepsOnly() {
        assertThat(RowDot.knows(4, 16, 64, true, false)).isFalse();
        assertThat(RowDot.knows(4, 16, 48, false, true)).isFalse();
        assertThat(RowDot.knows(4, 48, 96, false, true)).isFalse();
        assertThat(RowDot.knows(2, 2, 64, false, true)).isFalse();
        assertThat(RowDot.knows(2, 24, 192, false, true)).isFalse();
        assertThat(RowDot.knows(4, 64, 96, false, true)).isFalse();
        assertThat(RowDot.knows(3, 4, 128, false, true)).isFalse();
        assertThat(RowDot.knows(3, 64, 64, false, true)).isFalse();
        assertThat(RowDot.knows(8, 16, 64, false, true)).isFalse();
        assertThat(RowDot.knows(8, 64, 64, false, false)).isFalse();
        assertThat(RowDot.knows(6, 128, 128, false, true)).isFalse();
    }
}
