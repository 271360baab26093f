package dev.lowbit.matrix.affine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.packed.Packing;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The SIMD verbs give the bits of the scalar ones at awkward lengths, offsets and values. */
@Tag("kernels")
class AffineKernelsTest {
    private static final int[] LENGTHS = {1, 3, 7, 15, 16, 17, 31, 32, 33, 64, 100, 129};
    private static final int SLACK = 16;

    private final AffineKernels scalar = new ScalarAffineKernels();
    private final AffineKernels vector = new VectorAffineKernels();

    static IntStream bits() {
        return IntStream.rangeClosed(1, 8);
    }

    /** Random input with what breaks kernels: zeros of both signs, ties, subnormals, huge values, scales of zero. */
    private record Case(int bits, int length, int offset, Random random) {
        int last() {
            return (1 << bits) - 1;
        }

        float[] weights() {
            float[] weights = new float[offset + length];
            for (int i = 0; i < weights.length; i++) {
                weights[i] = switch (random.nextInt(10)) {
                    case 0 -> 0f;
                    case 1 -> -0f;
                    case 2 -> random.nextInt(7) - 3.5f;
                    case 3 -> Float.MIN_VALUE;
                    case 4 -> -3e30f;
                    default -> (float) random.nextGaussian();
                };
            }
            return weights;
        }

        float[] scales() {
            float[] scales = new float[AffineKernels.LANES];
            for (int i = 0; i < scales.length; i++) {
                scales[i] = switch (random.nextInt(8)) {
                    case 0 -> 0f;
                    case 1 -> Float.MIN_VALUE * (1 + random.nextInt(100));
                    case 2 -> 1f;
                    default -> (float) Math.exp(random.nextGaussian());
                };
            }
            return scales;
        }

        float[] positive(int count) {
            float[] values = new float[count];
            for (int i = 0; i < count; i++) {
                values[i] = (float) Math.exp(random.nextGaussian());
            }
            return values;
        }

        byte[] codes() {
            byte[] codes = new byte[offset + length + SLACK];
            for (int i = 0; i < codes.length; i++) {
                codes[i] = (byte) random.nextInt(last() + 1);
            }
            return codes;
        }
    }

    private static void forAllCases(int bits, java.util.function.Consumer<Case> check) {
        Random random = new Random(bits);
        for (int length : LENGTHS) {
            for (int offset : new int[] {0, 1, 6}) {
                check.accept(new Case(bits, length, offset, random));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("bits")
    void decodeAndDot(int bits) {
        forAllCases(bits, c -> {
            byte[] codes = c.codes();
            int zero = c.random.nextInt(c.last() + 1);
            float scale = (float) Math.exp(c.random.nextGaussian());
            float[] expected = new float[c.offset + c.length];
            float[] actual = expected.clone();
            scalar.decode(codes, c.offset, c.length, scale, zero, expected);
            vector.decode(codes, c.offset, c.length, scale, zero, actual);
            assertThat(actual).isEqualTo(expected);
            float[] x = c.weights();
            float[] lanes = c.positive(AffineKernels.LANES);
            float[] actualLanes = lanes.clone();
            scalar.dot(codes, c.offset, c.length, scale, zero, x, c.offset, lanes);
            vector.dot(codes, c.offset, c.length, scale, zero, x, c.offset, actualLanes);
            assertThat(actualLanes).isEqualTo(lanes);
        });
    }

    @ParameterizedTest
    @MethodSource("bits")
    void costs(int bits) {
        forAllCases(bits, c -> {
            float[] weights = c.weights();
            float[] scales = c.scales();
            int zero = c.random.nextInt(c.last() + 1);
            for (float[] importance : new float[][] {null, c.positive(c.offset + c.length)}) {
                float[] expected = new float[AffineKernels.LANES];
                float[] actual = expected.clone();
                scalar.costs(weights, importance, c.offset, c.length, scales, zero, c.last(), expected);
                vector.costs(weights, importance, c.offset, c.length, scales, zero, c.last(), actual);
                assertThat(actual).isEqualTo(expected);
            }
        });
    }

    @ParameterizedTest
    @MethodSource("bits")
    void feedbackCosts(int bits) {
        forAllCases(bits, c -> {
            float[] weights = c.weights();
            float[] scales = c.scales();
            float[] triangle = c.positive(c.length * c.length);
            float[] carried = c.positive(c.length);
            int zero = c.random.nextInt(c.last() + 1);
            float[] expected = new float[AffineKernels.LANES];
            float[] actual = expected.clone();
            scalar.feedbackCosts(weights, c.offset, c.length, carried, triangle, scales, zero, c.last(), expected);
            vector.feedbackCosts(weights, c.offset, c.length, carried, triangle, scales, zero, c.last(), actual);
            assertThat(actual).isEqualTo(expected);
        });
    }

    /** Rows of whole groups, at every bit where a row may start. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4})
    void dotOfRow(int bits) {
        Random random = new Random(bits);
        for (int width : new int[] {16, 32, 48, 128}) {
            for (int groups : new int[] {1, 2, 5}) {
                for (int first = 0; first < 9; first++) {
                    int count = width * groups;
                    assertThat(AffineKernels.hasDotOfRow(count, bits, width)).isTrue();
                    Case numbers = new Case(bits, count, first, random);
                    byte[] packed = new byte[(int) PackedCodes.bytes(count, bits) + 1 + Packing.SLACK];
                    random.nextBytes(packed);
                    byte[] codes = numbers.codes();
                    int bitOffset = PackedCodes.load(PackedCodes.pack(codes, bits), first, count, bits, packed);
                    byte[] zeros = new byte[groups + 1];
                    random.nextBytes(zeros);
                    float[] x = numbers.weights();
                    float[] lanes = numbers.scales();
                    float[] actual = lanes.clone();
                    float[] separate = lanes.clone();
                    float[] scales = numbers.scales();
                    scalar.dotOfRow(packed, bitOffset, count, bits, width, scales, zeros, 1, x, first, lanes);
                    vector.dotOfRow(packed, bitOffset, count, bits, width, scales, zeros, 1, x, first, actual);
                    assertThat(actual).isEqualTo(lanes);
                    for (int group = 0; group < groups; group++) {
                        int at = first + group * width;
                        int zero = zeros[1 + group] & 0xff;
                        vector.dot(codes, at, width, scales[1 + group], zero, x, at, separate);
                    }
                    assertThat(separate).isEqualTo(lanes);
                }
            }
        }
        assertThat(AffineKernels.hasDotOfRow(32, 5, 32)).isFalse();
        assertThat(AffineKernels.hasDotOfRow(36, 4, 12)).isFalse();
        assertThat(AffineKernels.hasDotOfRow(40, 4, 32)).isFalse();
    }

    /** Rows of groups of any length, and a last one of fewer. */
    @ParameterizedTest
    @MethodSource("bits")
    void dotOfCodes(int bits) {
        Random random = new Random(bits);
        for (int width : new int[] {1, 15, 16, 17, 32, 48, 128}) {
            for (int count : new int[] {width, 2 * width, 5 * width, 5 * width - width / 2}) {
                int groups = Math.ceilDiv(count, width);
                Case numbers = new Case(bits, count, 3, random);
                byte[] codes = new byte[count + Packing.SLACK];
                System.arraycopy(numbers.codes(), 3, codes, 0, count);
                byte[] zeros = new byte[groups + 1];
                random.nextBytes(zeros);
                float[] scales = new float[groups + 1];
                for (int g = 0; g < scales.length; g++) {
                    scales[g] = random.nextFloat();
                }
                float[] x = numbers.weights();
                float[] lanes = numbers.scales();
                float[] actual = lanes.clone();
                scalar.dotOfCodes(codes, count, width, scales, zeros, 1, x, 3, lanes);
                vector.dotOfCodes(codes, count, width, scales, zeros, 1, x, 3, actual);
                assertThat(actual).as(width + " of " + count).isEqualTo(lanes);
            }
        }
    }
}
