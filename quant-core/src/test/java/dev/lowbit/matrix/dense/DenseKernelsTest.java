package dev.lowbit.matrix.dense;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The SIMD verb gives the bits of the scalar one for every finite value, at awkward lengths and alignments. */
@Tag("kernels")
class DenseKernelsTest {
    private final DenseKernels scalar = new ScalarDenseKernels();
    private final DenseKernels vector = new VectorDenseKernels();

    @ParameterizedTest
    @EnumSource(names = {"F16", "BF16", "F32"})
    void sameBitsAsTheFormula(DType type) {
        Random random = new Random(type.ordinal());
        try (Arena arena = Arena.ofConfined()) {
            for (int count : new int[] {1, 3, 15, 16, 17, 31, 32, 33, 64, 100, 129, 4096}) {
                for (int offset = 0; offset < 5; offset++) {
                    MemorySegment weights = arena.allocate(offset + (long) count * type.bytes());
                    float[] x = new float[offset + count];
                    for (int i = 0; i < count; i++) {
                        store(weights, type, offset + (long) i * type.bytes(), random);
                        x[offset + i] = (float) random.nextGaussian();
                    }
                    float[] lanes = new float[DenseKernels.LANES];
                    lanes[random.nextInt(lanes.length)] = (float) random.nextGaussian();
                    float[] actual = lanes.clone();
                    scalar.dot(type, weights, offset, count, x, offset, lanes);
                    vector.dot(type, weights, offset, count, x, offset, actual);
                    assertThat(actual).isEqualTo(lanes);
                }
            }
        }
    }

    /** Any finite value of a type: subnormals, zeros of both signs, the largest. */
    private static void store(MemorySegment to, DType type, long offset, Random random) {
        do {
            if (type == DType.F32) {
                int bits =
                        random.nextInt(4) == 0 ? random.nextInt() : Float.floatToIntBits((float) random.nextGaussian());
                to.set(ValueLayout.JAVA_INT_UNALIGNED, offset, bits);
            } else {
                to.set(ValueLayout.JAVA_SHORT_UNALIGNED, offset, (short) random.nextInt());
            }
        } while (!Float.isFinite(DenseMatrix.load(to, type, offset)));
    }
}
