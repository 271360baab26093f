package dev.lowbit.matrix.sketch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.packed.Packing;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The SIMD verbs give the bits of the scalar ones at awkward lengths, offsets and values. */
@Tag("kernels")
class SketchKernelsTest {
    private static final int[] LENGTHS = {1, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 64, 100, 129};

    private final SketchKernels scalar = new ScalarSketchKernels();
    private final SketchKernels vector = new VectorSketchKernels();

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4})
    void decodeAndDot(int bits) {
        Random random = new Random(bits);
        for (int length : LENGTHS) {
            for (int first = 0; first < 9; first++) {
                byte[] codes = new byte[first + length];
                for (int i = 0; i < codes.length; i++) {
                    codes[i] = (byte) random.nextInt(1 << bits);
                }
                byte[] packed = new byte[(int) PackedCodes.bytes(length, bits) + 1 + Packing.SLACK];
                random.nextBytes(packed);
                int bitOffset = PackedCodes.load(PackedCodes.pack(codes, bits), first, length, bits, packed);
                float[] table = new float[SketchKernels.LANES];
                for (int i = 0; i < table.length; i++) {
                    table[i] = i < 1 << bits ? value(random) : table[i - (1 << bits)];
                }
                int offset = random.nextInt(5);
                float[] expected = new float[offset + length + 1];
                float[] actual = expected.clone();
                scalar.decode(packed, bitOffset, length, bits, table, MemorySegment.ofArray(expected), offset);
                vector.decode(packed, bitOffset, length, bits, table, MemorySegment.ofArray(actual), offset);
                assertThat(actual).isEqualTo(expected);
                for (int i = 0; i < length; i++) {
                    assertThat(expected[offset + i]).isEqualTo(table[codes[first + i]]);
                }
                float[] x = new float[offset + length];
                for (int i = 0; i < x.length; i++) {
                    x[i] = value(random);
                }
                float[] lanes = new float[SketchKernels.LANES];
                lanes[random.nextInt(lanes.length)] = value(random);
                float[] actualLanes = lanes.clone();
                scalar.dot(packed, bitOffset, length, bits, table, x, offset, lanes);
                vector.dot(packed, bitOffset, length, bits, table, x, offset, actualLanes);
                assertThat(actualLanes).isEqualTo(lanes);
            }
        }
    }

    private static float value(Random random) {
        return switch (random.nextInt(10)) {
            case 0 -> 0f;
            case 1 -> -0f;
            case 2 -> Float.MIN_VALUE;
            case 3 -> -3e15f;
            default -> (float) random.nextGaussian();
        };
    }
}
