package dev.lowbit.matrix.additive;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.matrix.MatrixFormats;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The SIMD verbs give the bits of the scalar ones at awkward lengths, offsets and values. */
@Tag("kernels")
class AdditiveKernelsTest {
    private static final int[] LENGTHS = {1, 3, 7, 15, 16, 17, 31, 32, 33, 64, 100, 129};

    private final AdditiveKernels scalar = new ScalarAdditiveKernels();
    private final AdditiveKernels vector = new VectorAdditiveKernels();
    private final Random random = new Random(17);

    /** What breaks kernels: zeros of both signs, subnormals, huge values. */
    private float[] values(int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = switch (random.nextInt(10)) {
                case 0 -> 0f;
                case 1 -> -0f;
                case 2 -> Float.MIN_VALUE;
                case 3 -> -3e30f;
                default -> (float) random.nextGaussian();
            };
        }
        return values;
    }

    private Codewords words(AdditiveFormat format) {
        float[] values = AdditiveSamples.codebooks(format, random);
        for (int i = 0; i < values.length; i += 1 + random.nextInt(9)) {
            values[i] = switch (random.nextInt(4)) {
                case 0 -> 0f;
                case 1 -> -0f;
                case 2 -> 0x1p-24f;
                default -> -65504f;
            };
        }
        return Codewords.round(format, values);
    }

    private static AdditiveFormat format(String shape) {
        return (AdditiveFormat) MatrixFormats.parse("aq" + shape + "-row-f16");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "1x1-g1",
                "2x3-g3",
                "2x8-g8",
                "3x5-g4",
                "8x2-g7",
                "1x10-g16",
                "2x4-g17",
                "1x6-g64",
                "2x4-g8o2",
                "1x3-g5o8"
            })
    void decodeAndProducts(String shape) {
        AdditiveFormat format = format(shape);
        Codewords words = words(format);
        for (int tiles : new int[] {1, 2, 5, 33}) {
            for (int from : new int[] {0, 3}) {
                char[] codes = new char[(from + tiles) * format.codebooks()];
                for (int i = 0; i < codes.length; i++) {
                    codes[i] = (char) random.nextInt(format.entries());
                }
                int end = (from + tiles) * format.inGroup();
                int row = random.nextInt(format.outGroup());
                float scale = random.nextInt(4) == 0 ? 0 : (float) Math.exp(random.nextGaussian());
                float[] expected = new float[end + AdditiveKernels.SLACK];
                float[] actual = expected.clone();
                scalar.decode(words, row, codes, from, tiles, scale, expected);
                vector.decode(words, row, codes, from, tiles, scale, actual);
                assertThat(Arrays.copyOf(actual, end)).isEqualTo(Arrays.copyOf(expected, end));
            }
        }
        float[] offsets = words.negatedHalfSquares();
        float[] point = values(format.tileSize());
        for (int book = 0; book < format.codebooks(); book++) {
            float[] expected = new float[format.entries()];
            float[] actual = expected.clone();
            scalar.gains(words, book, offsets, point, expected);
            vector.gains(words, book, offsets, point, actual);
            assertThat(actual).isEqualTo(expected);
        }
        if (format.outGroup() == 1) {
            float[] x = values(5 + format.inGroup());
            float[] expected = new float[3 + words.count() + 2];
            float[] actual = expected.clone();
            scalar.products(words, x, 5, expected, 3);
            vector.products(words, x, 5, actual, 3);
            assertThat(actual).isEqualTo(expected);
        }
    }

    @Test
    void theLargestIsTheFirstOfThem() {
        for (int length : new int[] {1, 2, 15, 16, 31, 32, 33, 64, 255, 256, 300}) {
            for (int round = 0; round < 20; round++) {
                float[] numbers = values(length + 3);
                for (int i = 0; i < length; i++) {
                    numbers[i] = round == 0 ? -0f : round % 2 == 0 ? Math.round(numbers[i]) : numbers[i];
                }
                numbers[length] = Float.MAX_VALUE;
                assertThat(vector.largest(numbers, length)).isEqualTo(scalar.largest(numbers, length));
            }
        }
    }

    @Test
    void sums() {
        for (int length : LENGTHS) {
            for (int offset : new int[] {0, 1, 6}) {
                float[] a = values(offset + length);
                float[] lanes = values(AdditiveKernels.LANES);
                float[] actual = lanes.clone();
                scalar.addScaled(a, offset, length, 0.7f, lanes);
                vector.addScaled(a, offset, length, 0.7f, actual);
                assertThat(actual).isEqualTo(lanes);
                float[] x = values(offset + length);
                scalar.dot(a, x, offset, length, lanes);
                vector.dot(a, x, offset, length, actual);
                assertThat(actual).isEqualTo(lanes);
            }
        }
    }

    /** Every count of whole lanes and codebooks, both sizes of tiles, from any column on. */
    @ParameterizedTest
    @ValueSource(strings = {"1x12-g8", "2x6-g8", "8x2-g8", "3x5-g4", "8x2-g4", "1x10-g4"})
    void dotOfRows(String shape) {
        AdditiveFormat format = format(shape);
        assertThat(AdditiveKernels.hasDotOfRows(format.inGroup())).isTrue();
        Codewords words = words(format);
        for (int count : new int[] {16, 32, 48, 160}) {
            for (int from : new int[] {0, 16, 64}) {
                int startsOfRow = (from + count) / format.inGroup() * format.codebooks() + random.nextInt(3);
                int[] starts = new int[AdditiveKernels.ROWS * startsOfRow];
                for (int i = 0; i < starts.length; i++) {
                    // the zeros behind the codewords too, where rows are filled up
                    starts[i] = random.nextInt(words.count() + 1) * format.inGroup();
                }
                int xFrom = random.nextInt(5);
                float[] x = values(xFrom + from + count);
                float[] lanes = values(AdditiveKernels.ROWS * AdditiveKernels.LANES);
                float[] actual = lanes.clone();
                float[] scales = values(2);
                scalar.dotOfRows(words, starts, startsOfRow, x, xFrom, from, count, scales[0], scales[1], lanes);
                vector.dotOfRows(words, starts, startsOfRow, x, xFrom, from, count, scales[0], scales[1], actual);
                assertThat(actual).isEqualTo(lanes);
            }
        }
    }
}
