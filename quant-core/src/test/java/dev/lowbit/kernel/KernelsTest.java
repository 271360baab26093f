package dev.lowbit.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The SIMD form against the scalar court and, where bits are promised, against the definition of the sums. */
@Tag("kernels")
class KernelsTest {
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
    private static final int[] OFFSETS = {0, 1, 7};

    private final Kernels vector = new VectorKernels();
    private final Kernels scalar = new ScalarKernels();
    private final Arena arena = Arena.ofConfined();

    @AfterEach
    void free() {
        arena.close();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 63, 64, 65, 127, 1023, 1025, 4099})
    void sumsHaveTheBitsOfTheirDefinitionAndAgreeWithTheCourt(int length) {
        for (int offset : OFFSETS) {
            for (int kind = 0; kind < 4; kind++) {
                MemorySegment a = values(length + offset, kind, 1);
                MemorySegment b = values(length + offset + 1, kind, 2);
                MemorySegment w = values(length + offset + 2, kind, 3);
                int n = length;
                int o = offset;
                double dot = vector.dot(a, o, b, o + 1L, n);
                assertThat(dot).isEqualTo(sum(n, (i, s) -> Math.fma(get(a, o + i), get(b, o + 1 + i), s)));
                double squares = vector.sumOfSquares(a, o, n);
                assertThat(squares).isEqualTo(sum(n, (i, s) -> Math.fma(get(a, o + i), get(a, o + i), s)));
                double difference = vector.squaredDifference(a, o, b, o + 1L, n);
                assertThat(difference).isEqualTo(sum(n, (i, s) -> {
                    double d = get(a, o + i) - get(b, o + 1 + i);
                    return Math.fma(d, d, s);
                }));
                double weighted = vector.weightedSquaredDifference(a, o, b, o + 1L, w, o + 2L, n);
                assertThat(weighted).isEqualTo(sum(n, (i, s) -> {
                    double d = get(a, o + i) - get(b, o + 1 + i);
                    return Math.fma(d * d, get(w, o + 2 + i), s);
                }));
                // n terms of one sign (|.| for the dot): each addition and rounding of a term errs by at most eps.
                double eps = (n + 3) * 0x1p-52;
                double size = Math.sqrt(squares * scalar.sumOfSquares(b, o + 1L, n));
                assertThat(dot).isCloseTo(scalar.dot(a, o, b, o + 1L, n), within(eps * size + Double.MIN_VALUE));
                assertThat(squares).isCloseTo(scalar.sumOfSquares(a, o, n), within(eps * squares));
                assertThat(difference)
                        .isCloseTo(scalar.squaredDifference(a, o, b, o + 1L, n), within(eps * difference));
                double sizeWeighted = difference * vector.absMax(w, o + 2L, n);
                assertThat(weighted)
                        .isCloseTo(
                                scalar.weightedSquaredDifference(a, o, b, o + 1L, w, o + 2L, n),
                                within(eps * sizeWeighted));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(MemoryKind.class)
    void bitsDoNotDependOnWhereOperandsLie(MemoryKind kind) {
        for (int length : new int[] {0, 1, 16, 33, 1023, 1024, 1025, 2051, 4099}) {
            MemorySegment a = values(length + 2, 0, 1);
            MemorySegment b = values(length + 2, 0, 2);
            MemorySegment w = values(length + 2, 3, 3);
            for (int step = 0; step < MemoryKind.values().length; step++) {
                MemorySegment a2 = kind.copy(a, arena);
                MemorySegment b2 = kind.next(step).copy(b, arena);
                MemorySegment w2 = kind.next(2 * step).copy(w, arena).asReadOnly();
                assertThat(vector.dot(a2, 1, b2, 2, length)).isEqualTo(vector.dot(a, 1, b, 2, length));
                assertThat(vector.absMax(b2, 2, length)).isEqualTo(vector.absMax(b, 2, length));
                assertThat(vector.squaredDifference(a2, 1, b2, 2, length))
                        .isEqualTo(vector.squaredDifference(a, 1, b, 2, length));
                assertThat(vector.weightedSquaredDifference(a2, 1, b2, 2, w2, 0, length))
                        .isEqualTo(vector.weightedSquaredDifference(a, 1, b, 2, w, 0, length));
                MemorySegment expected = MemoryKind.NATIVE.copy(b, arena);
                scalar.axpy(0.7f, a, 2, expected, 1, length);
                scalar.scale(-1.3f, expected, 0, length);
                scalar.subtract(expected, 2, w, 1, expected, 2, length);
                vector.axpy(0.7f, a2, 2, b2, 1, length);
                vector.scale(-1.3f, b2, 0, length);
                vector.subtract(b2, 2, w2, 1, b2, 2, length);
                assertThat(b2.mismatch(expected)).isEqualTo(-1);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 1021})
    void elementwiseVerbsHaveTheBitsOfTheCourtAndTouchNothingElse(int length) {
        for (int offset : OFFSETS) {
            for (int kind = 0; kind < 4; kind++) {
                MemorySegment x = values(length + offset + 5, kind, 4);
                MemorySegment y = values(length + offset + 5, kind, 5);
                MemorySegment expected = arena.allocate(y.byteSize()).copyFrom(y);
                MemorySegment actual = arena.allocate(y.byteSize()).copyFrom(y);
                scalar.axpy(1.7f, x, offset, expected, offset + 1L, length);
                vector.axpy(1.7f, x, offset, actual, offset + 1L, length);
                assertThat(actual.mismatch(expected)).isEqualTo(-1);
                scalar.scale(-0.3f, expected, offset + 2L, length);
                vector.scale(-0.3f, actual, offset + 2L, length);
                assertThat(actual.mismatch(expected)).isEqualTo(-1);
                scalar.subtract(x, offset + 1L, y, offset + 2L, expected, offset, length);
                vector.subtract(x, offset + 1L, y, offset + 2L, actual, offset, length);
                assertThat(actual.mismatch(expected)).isEqualTo(-1);
                scalar.subtract(x, offset, expected, offset, expected, offset, length);
                vector.subtract(x, offset, actual, offset, actual, offset, length);
                assertThat(actual.mismatch(expected)).isEqualTo(-1);
                assertThat(vector.absMax(x, offset, length)).isEqualTo(scalar.absMax(x, offset, length));
            }
        }
    }

    @Test
    void absMaxFindsEveryPositionAndLetsNoNotANumberPass() {
        for (int position = 0; position < 70; position++) {
            for (float value : new float[] {-3, Float.NEGATIVE_INFINITY, Float.NaN, Float.intBitsToFloat(0xffc00001)}) {
                MemorySegment x = arena.allocate(70L * Float.BYTES);
                x.setAtIndex(FLOAT, position, value);
                assertThat(vector.absMax(x, 0, 70)).isEqualTo(Float.valueOf(Math.abs(value)));
                assertThat(scalar.absMax(x, 0, 70)).isEqualTo(Float.valueOf(Math.abs(value)));
            }
        }
    }

    @Test
    void slicesOutsideTheSegmentAreRefused() {
        MemorySegment x = arena.allocate(64L * Float.BYTES);
        assertThatThrownBy(() -> vector.absMax(x, 1, 64)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> vector.dot(x, 0, x, 32, 64)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> vector.scale(1, x, -1, 3)).isInstanceOf(IndexOutOfBoundsException.class);
        MemorySegment slice = MemorySegment.ofArray(new float[70]).asSlice(4, 64L * Float.BYTES);
        assertThatThrownBy(() -> vector.scale(1, slice, 1, 64)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> vector.scale(1, slice, -1, 3)).isInstanceOf(IndexOutOfBoundsException.class);
        MemorySegment readOnly = MemorySegment.ofArray(new float[70]).asReadOnly();
        assertThatThrownBy(() -> vector.scale(1, readOnly, 0, 70))
                .isInstanceOfAny(IllegalArgumentException.class, UnsupportedOperationException.class);
        assertThatThrownBy(() -> vector.axpy(1, x, 0, readOnly, 0, 64))
                .isInstanceOfAny(IllegalArgumentException.class, UnsupportedOperationException.class);
    }

    private interface Term {
        double add(int index, double sum);
    }

    /** The definition in the javadoc of {@link Kernels}. */
    private static double sum(int n, Term term) {
        double[] lanes = new double[16];
        int whole = n - n % 16;
        for (int i = 0; i < whole; i++) {
            lanes[i % 16] = term.add(i, lanes[i % 16]);
        }
        double[] groups = new double[4];
        for (int g = 0; g < 4; g++) {
            groups[g] = (lanes[4 * g] + lanes[4 * g + 2]) + (lanes[4 * g + 1] + lanes[4 * g + 3]);
        }
        double total = (groups[0] + groups[1]) + (groups[2] + groups[3]);
        for (int i = whole; i < n; i++) {
            total = term.add(i, total);
        }
        return total;
    }

    private static double get(MemorySegment segment, long index) {
        return segment.getAtIndex(FLOAT, index);
    }

    /** 0: normals; 1: zeros with one value; 2: powers of ten from subnormal to huge; 3: signed zeros and small integers. */
    private MemorySegment values(int length, int kind, long seed) {
        Random random = new Random(seed * 31 + kind);
        MemorySegment segment = arena.allocate(Math.max(1, length) * (long) Float.BYTES);
        for (int i = 0; i < length; i++) {
            float value = switch (kind) {
                case 0 -> (float) random.nextGaussian();
                case 1 -> i == length / 2 ? 5 : 0;
                case 2 -> (float) (random.nextGaussian() * Math.pow(10, random.nextInt(80) - 44));
                default -> random.nextBoolean() ? random.nextInt(3) : -0f;
            };
            segment.setAtIndex(FLOAT, i, value);
        }
        return segment;
    }
}
