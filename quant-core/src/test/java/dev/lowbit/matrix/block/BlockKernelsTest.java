package dev.lowbit.matrix.block;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.codebook.Codebook;
import dev.lowbit.codebook.NormalFloat;
import dev.lowbit.codebook.UniformGrid;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.packed.Packing;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The SIMD verbs give the bits of the scalar ones at awkward lengths, offsets, groups and values. */
@Tag("kernels")
class BlockKernelsTest {
    private static final int[] LENGTHS = {1, 7, 15, 16, 17, 31, 63, 64, 65, 127, 257, 1021, 4099};
    private static final int[] GROUPS = {1, 5, 16, 24, 32, 64, 100, 5000};
    private static final int[] OFFSETS = {0, 1, 6, 7};

    private final BlockKernels scalar = new ScalarBlockKernels();
    private final BlockKernels vector = new VectorBlockKernels();

    static IntStream bits() {
        return IntStream.rangeClosed(1, 8);
    }

    /** Random weights with what breaks kernels: zeros of both signs, ties, subnormals, huge values, zero scales. */
    private record Case(
            int length, int group, int offset, CodeTable table, float[] weights, float[] scales, byte[] codes) {
        static Case of(int bits, int length, int group, int offset, Random random) {
            Codebook book = bits == 1 || random.nextInt(4) == 0 ? UniformGrid.of(bits) : NormalFloat.of(bits);
            float[] weights = new float[offset + length + 3];
            float[] scales = new float[offset + length / group + 2];
            for (int i = 0; i < scales.length; i++) {
                scales[i] = switch (random.nextInt(8)) {
                    case 0 -> 0f;
                    case 1 -> Float.MIN_VALUE * (1 + random.nextInt(100));
                    case 2 -> 1e30f;
                    default -> (float) Math.exp(random.nextGaussian());
                };
            }
            for (int i = 0; i < weights.length; i++) {
                int block = Math.max(0, i - offset) / group;
                float scale = scales[Math.min(scales.length - 1, offset + block)];
                weights[i] = switch (random.nextInt(10)) {
                    case 0 -> 0f;
                    case 1 -> -0f;
                    case 2 -> scale * book.midpoint(random.nextInt(book.size() - 1));
                    case 3 -> Float.MIN_VALUE;
                    case 4 -> -3e38f;
                    default -> (float) (random.nextGaussian() * scale / 2);
                };
            }
            byte[] codes = new byte[length + offset];
            for (int i = 0; i < codes.length; i++) {
                codes[i] = (byte) random.nextInt(1 << bits);
            }
            return new Case(length, group, offset, new CodeTable(book), weights, scales, codes);
        }
    }

    private static void forAllCases(int bits, java.util.function.Consumer<Case> check) {
        Random random = new Random(bits);
        for (int length : LENGTHS) {
            for (int group : GROUPS) {
                for (int offset : OFFSETS) {
                    check.accept(Case.of(bits, length, group, offset, random));
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("bits")
    void absMax(int bits) {
        forAllCases(bits, c -> {
            float[] expected = new float[c.scales.length];
            float[] actual = new float[c.scales.length];
            scalar.absMax(c.weights, c.offset, c.length, c.group, expected, 0);
            vector.absMax(c.weights, c.offset, c.length, c.group, actual, 0);
            assertThat(actual).isEqualTo(expected);
        });
    }

    @ParameterizedTest
    @MethodSource("bits")
    void encode(int bits) {
        forAllCases(bits, c -> {
            byte[] expected = new byte[c.weights.length];
            byte[] actual = new byte[c.weights.length];
            scalar.encode(c.weights, c.offset, c.length, c.group, c.scales, c.offset, c.table, expected, c.offset);
            vector.encode(c.weights, c.offset, c.length, c.group, c.scales, c.offset, c.table, actual, c.offset);
            assertThat(actual).isEqualTo(expected);
        });
    }

    @ParameterizedTest
    @MethodSource("bits")
    void residualAndItsSquares(int bits) {
        forAllCases(bits, c -> {
            float[] expected = new float[c.weights.length];
            float[] actual = new float[c.weights.length];
            scalar.residual(c.weights, c.offset, c.length, c.group, c.scales, c.offset, c.table, expected, c.offset);
            vector.residual(c.weights, c.offset, c.length, c.group, c.scales, c.offset, c.table, actual, c.offset);
            assertThat(bitsOf(actual)).isEqualTo(bitsOf(expected));
            float[] importance = new float[c.weights.length];
            fill(importance, i -> Math.abs(c.weights[i] % 7));
            for (float[] factors : new float[][] {null, importance}) {
                assertThat(vector.sumOfSquares(actual, factors, c.offset, c.length))
                        .isEqualTo(scalar.sumOfSquares(actual, factors, c.offset, c.length));
            }
        });
    }

    @ParameterizedTest
    @MethodSource("bits")
    void bestScales(int bits) {
        Random random = new Random(bits);
        for (int length : new int[] {1, 7, 16, 65, 257}) {
            for (int group : new int[] {1, 5, 8, 16, 100}) {
                for (int offset : OFFSETS) {
                    Case c = Case.of(bits, length, group, offset, random);
                    float[] bases = new float[c.scales.length];
                    fill(bases, i -> random.nextInt(3) == 0 ? c.scales[i] / 3 : 0);
                    float[] multiples = new float[BlockKernels.LANES];
                    fill(multiples, lane -> lane * (random.nextInt(2) == 0 ? 0.125 : 0.1));
                    Arrays.sort(multiples);
                    float[] importance = new float[c.weights.length];
                    fill(importance, i -> Math.abs(c.weights[i] % 7));
                    for (float[] f : new float[][] {null, importance}) {
                        byte[] expected = new byte[c.scales.length];
                        byte[] actual = new byte[c.scales.length];
                        scalar.bestScales(
                                c.weights, f, offset, length, group, bases, c.scales, offset, multiples, c.table,
                                expected);
                        vector.bestScales(
                                c.weights, f, offset, length, group, bases, c.scales, offset, multiples, c.table,
                                actual);
                        assertThat(actual).isEqualTo(expected);
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("bits")
    void feedbackCosts(int bits) {
        Random random = new Random(bits);
        for (int length : new int[] {1, 2, 7, 16, 33, 100}) {
            float[] weights = new float[length + 3];
            float[] carried = new float[length];
            float[] triangle = new float[length * length];
            float[] scales = new float[BlockKernels.LANES];
            fill(weights, i -> random.nextGaussian());
            fill(carried, i -> 0.1 * random.nextGaussian());
            fill(triangle, i -> i / length == i % length ? 0.5 + random.nextDouble() : random.nextGaussian() / length);
            fill(scales, lane -> lane == 3 ? 0 : 0.05 + 0.1 * lane);
            CodeTable table = new CodeTable(UniformGrid.of(bits));
            float[] expected = new float[BlockKernels.LANES];
            float[] actual = new float[BlockKernels.LANES];
            scalar.feedbackCosts(weights, 3, length, carried, triangle, scales, table, expected);
            vector.feedbackCosts(weights, 3, length, carried, triangle, scales, table, actual);
            assertThat(bitsOf(actual)).isEqualTo(bitsOf(expected));
        }
    }

    /** The lane that is chosen is the candidate whose residual, as stored, has the smallest squares; found by trying all. */
    @ParameterizedTest
    @MethodSource("bits")
    void bestScaleHasTheSmallestResidual(int bits) {
        Random random = new Random(bits);
        float[] weights = new float[64];
        float[] multiples = new float[BlockKernels.LANES];
        fill(multiples, lane -> 0.4 + 0.05 * lane);
        CodeTable table = new CodeTable(UniformGrid.of(bits));
        for (int trial = 0; trial < 50; trial++) {
            fill(weights, i -> random.nextGaussian());
            byte[] best = new byte[1];
            vector.bestScales(weights, null, 0, 64, 64, new float[1], new float[] {2.5f}, 0, multiples, table, best);
            double[] errors = new double[BlockKernels.LANES];
            for (int lane = 0; lane < errors.length; lane++) {
                float[] left = new float[64];
                scalar.residual(weights, 0, 64, 64, new float[] {2.5f * multiples[lane]}, 0, table, left, 0);
                errors[lane] = scalar.sumOfSquares(left, null, 0, 64);
            }
            // 64 terms in float: the sum is off by at most 64 * 2^-24 of itself, the residuals by a few ulp of a weight
            double smallest = Arrays.stream(errors).min().orElseThrow();
            assertThat(errors[best[0]]).isLessThanOrEqualTo(smallest * (1 + 1e-4) + 1e-9);
        }
    }

    @ParameterizedTest
    @MethodSource("bits")
    void dequantizeAndDotFromAnyCode(int bits) {
        forAllCases(bits, c -> {
            if (!PackedCodes.isAligned(c.offset * bits, bits)) {
                return;
            }
            byte[] packed = new byte[c.codes.length + Packing.SLACK];
            Packing.get().pack(c.codes, 0, c.codes.length, bits, packed, 0);
            int bit = c.offset * bits;
            float[] expected = c.weights.clone();
            float[] actual = c.weights.clone();
            scalar.dequantize(packed, bit, c.length, c.group, c.scales, c.offset, c.table, segment(expected), c.offset);
            vector.dequantize(packed, bit, c.length, c.group, c.scales, c.offset, c.table, segment(actual), c.offset);
            assertThat(bitsOf(actual)).isEqualTo(bitsOf(expected));

            float[] x = new float[c.weights.length];
            fill(x, i -> Math.sin(i));
            float[] lanes = new float[BlockKernels.LANES];
            fill(lanes, i -> i);
            float[] actualLanes = lanes.clone();
            scalar.dot(packed, bit, c.length, c.group, c.scales, c.offset, c.table, x, c.offset, lanes);
            vector.dot(packed, bit, c.length, c.group, c.scales, c.offset, c.table, x, c.offset, actualLanes);
            assertThat(bitsOf(actualLanes)).isEqualTo(bitsOf(lanes));
        });
    }

    @ParameterizedTest
    @MethodSource("bits")
    void codeTableEncodesLikeItsCodebook(int bits) {
        Random random = new Random(bits);
        float[] odd = new float[1 << bits];
        fill(odd, i -> random.nextGaussian() * Math.exp(3 * random.nextGaussian()));
        Arrays.sort(odd);
        for (Codebook book : new Codebook[] {
            UniformGrid.of(bits),
            NormalFloat.of(Math.max(2, bits)),
            Codebook.ofValues(odd),
            Codebook.ofValues(new float[1 << bits])
        }) {
            CodeTable table = new CodeTable(book);
            for (int i = 0; i < 20_000; i++) {
                float x = i % 2 == 0
                        ? (float) (random.nextGaussian() * Math.exp(random.nextGaussian()))
                        : nextTo(book.midpoint(random.nextInt(book.size() - 1)), random.nextInt(3) - 1);
                assertThat(table.code(x)).isEqualTo(book.encode(x));
            }
            for (float x : new float[] {Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, 0f, -0f, Float.MAX_VALUE}) {
                assertThat(table.code(x)).isEqualTo(book.encode(x));
            }
        }
    }

    private static void fill(float[] values, java.util.function.IntToDoubleFunction function) {
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) function.applyAsDouble(i);
        }
    }

    private static float nextTo(float x, int direction) {
        return direction == 0 ? x : direction > 0 ? Math.nextUp(x) : Math.nextDown(x);
    }

    private static MemorySegment segment(float[] values) {
        return MemorySegment.ofArray(values);
    }

    /** Raw bits, so that zeros of different sign differ; NaN (inf - inf of a huge scale) is one value. */
    private static int[] bitsOf(float[] values) {
        int[] bits = new int[values.length];
        Arrays.setAll(bits, i -> Float.floatToIntBits(values[i]));
        return bits;
    }
}
