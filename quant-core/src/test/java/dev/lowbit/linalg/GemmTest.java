package dev.lowbit.linalg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.fail;

import dev.lowbit.kernel.VectorWidth;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The definition of the product is the twin below: whatever the SIMD width (the build runs this class at each) and the
 * threads, the bits must be its bits, and so equal to one another.
 */
@Tag("kernels")
class GemmTest {
    private static final float EPS = 0x1p-24f;

    /** Tile heights are 6 and 12, widths 4 to 32, blocks 288 x 256 with k blocks of 256: each size and its neighbours. */
    static List<int[]> shapes() {
        List<int[]> shapes = new ArrayList<>();
        for (int m : new int[] {1, 5, 6, 7, 12, 13, 31}) {
            for (int n : new int[] {1, 3, 4, 8, 15, 17, 32, 33, 49}) {
                shapes.add(new int[] {m, n, 19});
            }
        }
        for (int k : new int[] {0, 1, 2, 255, 256, 257, 513, 1024}) {
            shapes.add(new int[] {13, 18, k});
        }
        for (int[] large :
                new int[][] {{287, 255, 3}, {288, 256, 5}, {289, 257, 4}, {600, 74, 7}, {74, 600, 7}, {1, 700, 300}}) {
            shapes.add(large);
        }
        shapes.add(new int[] {0, 4, 3});
        shapes.add(new int[] {4, 0, 3});
        return shapes;
    }

    @ParameterizedTest
    @MethodSource("shapes")
    void everyTransposeAndModeHasTheBitsOfTheTwin(int[] shape) {
        int m = shape[0];
        int n = shape[1];
        int k = shape[2];
        FloatMatrix a = Matrices.gaussian(m, k, 1);
        FloatMatrix b = Matrices.gaussian(k, n, 2);
        FloatMatrix at = Matrices.transpose(a);
        FloatMatrix bt = Matrices.transpose(b);
        FloatMatrix old = Matrices.gaussian(m, n, 3);
        for (Gemm.Mode mode : Gemm.Mode.values()) {
            FloatMatrix expected = twin(a, b, old, mode);
            requireWithinRounding(a, b, old, mode, expected);
            for (int transposes = 0; transposes < 4; transposes++) {
                boolean ta = (transposes & 1) != 0;
                boolean tb = (transposes & 2) != 0;
                FloatMatrix c = Matrices.copy(old);
                Gemm.multiply(ta ? at : a, ta, tb ? bt : b, tb, c, mode, Workers.serial());
                if (usesTheScalarCourt()) {
                    requireWithinRounding(a, b, old, mode, c);
                } else {
                    assertThat(c.toArray())
                            .as("transposes " + transposes + " " + mode)
                            .isEqualTo(expected.toArray());
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Gemm.Mode.class)
    void threadsDoNotChangeABit(Gemm.Mode mode) {
        FloatMatrix a = Matrices.gaussian(700, 301, 4);
        FloatMatrix b = Matrices.gaussian(301, 530, 5);
        FloatMatrix old = Matrices.gaussian(700, 530, 6);
        List<String> hashes = new ArrayList<>();
        Matrices.withEveryThreadCount(workers -> {
            FloatMatrix c = Matrices.copy(old);
            Gemm.multiply(a, false, b, false, c, mode, workers);
            hashes.add(Matrices.hash(c));
        });
        if (!usesTheScalarCourt()) {
            hashes.add(Matrices.hash(twin(a, b, old, mode)));
        }
        assertThat(hashes).containsOnly(hashes.getFirst());
    }

    @Test
    void extremeValuesFollowTheTwin() {
        Random random = new Random(7);
        float[] special = {0f, -0f, Float.MIN_VALUE, -Float.MIN_NORMAL / 3, 1e-30f, 1e30f, -3e38f, 1f, -1f};
        FloatMatrix a = FloatMatrix.wrap(40, 300, new float[40 * 300]);
        FloatMatrix b = FloatMatrix.wrap(300, 37, new float[300 * 37]);
        for (FloatMatrix matrix : List.of(a, b)) {
            for (int i = 0; i < matrix.rows(); i++) {
                for (int j = 0; j < matrix.columns(); j++) {
                    matrix.set(i, j, special[random.nextInt(special.length)]);
                }
            }
        }
        a.set(3, 5, Float.NaN);
        b.set(2, 7, Float.POSITIVE_INFINITY);
        if (usesTheScalarCourt()) {
            return;
        }
        for (Gemm.Mode mode : Gemm.Mode.values()) {
            FloatMatrix c = FloatMatrix.wrap(40, 37, new float[40 * 37]);
            Gemm.multiply(a, false, b, false, c, mode, Workers.serial());
            assertThat(c.toArray())
                    .isEqualTo(twin(a, b, FloatMatrix.wrap(40, 37, new float[40 * 37]), mode)
                            .toArray());
        }
    }

    @Test
    void slicesOfLargerMatricesAreLeftAloneOutside() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(4L * 3 * 50 * 40 + 4, 4).asSlice(4);
            FloatMatrix c = FloatMatrix.wrap(150, 40, memory);
            FloatMatrix a = Matrices.gaussian(50, 20, 8);
            FloatMatrix b = Matrices.gaussian(20, 40, 9);
            Gemm.multiply(a, false, b, false, c.rows(50, 50), Gemm.Mode.SET, Workers.serial());
            for (float value : c.rows(0, 50).toArray()) {
                assertThat(value).isZero();
            }
            for (float value : c.rows(100, 50).toArray()) {
                assertThat(value).isZero();
            }
            assertThat(c.get(50, 0)).isNotZero();
            assertThat(c.get(99, 39)).isNotZero();
        }
    }

    @Test
    void shapesThatDoNotFitAreRefused() {
        FloatMatrix a = Matrices.gaussian(2, 3, 1);
        FloatMatrix c = Matrices.gaussian(2, 2, 1);
        assertThatThrownBy(() -> Gemm.multiply(a, false, a, false, c, Gemm.Mode.SET, Workers.serial()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "cannot multiply 2 x 3 by 2 x 3 into 2 x 2; the inner sizes must agree and C must be 2 x 3");
        assertThatThrownBy(() -> Gemm.multiply(a, false, a, true, a, Gemm.Mode.SET, Workers.serial()))
                .isInstanceOf(IllegalArgumentException.class);
    }

    private static boolean usesTheScalarCourt() {
        return VectorWidth.bits() == 0;
    }

    private static FloatMatrix twin(FloatMatrix a, FloatMatrix b, FloatMatrix old, Gemm.Mode mode) {
        FloatMatrix c = Matrices.copy(old);
        for (int i = 0; i < a.rows(); i++) {
            for (int j = 0; j < b.columns(); j++) {
                float value = mode == Gemm.Mode.SET ? 0 : old.get(i, j);
                for (int from = 0; from < a.columns(); from += Gemm.K_BLOCK) {
                    float sum = 0;
                    for (int p = from; p < Math.min(a.columns(), from + Gemm.K_BLOCK); p++) {
                        float x = mode == Gemm.Mode.SUBTRACT ? -a.get(i, p) : a.get(i, p);
                        sum = Math.fma(x, b.get(p, j), sum);
                    }
                    value += sum;
                }
                c.set(i, j, value);
            }
        }
        return c;
    }

    /** A chain of n fused multiply-adds errs by at most n eps sum|ab| (first order); the block sums and C add a few more. */
    private static void requireWithinRounding(
            FloatMatrix a, FloatMatrix b, FloatMatrix old, Gemm.Mode mode, FloatMatrix c) {
        int k = a.columns();
        double factor = (Math.min(k, Gemm.K_BLOCK) + Math.ceilDiv(k, Gemm.K_BLOCK) + 2) * (double) EPS * 1.001;
        for (int i = 0; i < a.rows(); i++) {
            for (int j = 0; j < b.columns(); j++) {
                double start = mode == Gemm.Mode.SET ? 0 : old.get(i, j);
                double sum = start;
                double size = Math.abs(start);
                for (int p = 0; p < k; p++) {
                    double product = (double) a.get(i, p) * b.get(p, j);
                    sum += mode == Gemm.Mode.SUBTRACT ? -product : product;
                    size += Math.abs(product);
                }
                if (!(Math.abs(c.get(i, j) - sum) <= factor * size)) {
                    fail("(" + i + ", " + j + ") is " + c.get(i, j) + ", the sum in double " + sum);
                }
            }
        }
    }
}
