package dev.lowbit.matrix.dense;

import dev.lowbit.kernel.VectorWidth;
import dev.lowbit.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * The verb in SIMD; the last lanes of a row go the scalar way. One chain of sums is enough: it keeps up with memory. The loop over
 * floats counts in longs: in ints it is unrolled so that addresses are not met in order, which costs a third of the bandwidth; over 16-bit floats it is the
 * other way round, by a quarter.
 */
final class VectorDenseKernels implements DenseKernels {
    private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
    private static final VectorSpecies<Float> F = VectorWidth.floats();
    private static final VectorSpecies<Integer> I = F.withLanes(int.class);
    private static final int WIDTH = F.length();
    private static final VectorSpecies<Short> S =
            VectorShape.forBitSize(Math.max(64, VectorWidth.bits() / 2)).withLanes(short.class);

    /** What a half is too small by when its exponent and mantissa stand in a float's place: exact, for subnormals too. */
    private static final float TO_HALF_BIAS = 0x1p112f;

    @Override
    public void dot(DType type, MemorySegment weights, long offset, int count, float[] x, int xFrom, float[] lanes) {
        int whole = count / LANES * LANES;
        for (int lane = 0; lane < LANES; lane += WIDTH) {
            switch (type) {
                case F16 -> dotF16(weights, offset, whole, x, xFrom, lanes, lane);
                case BF16 -> dotBf16(weights, offset, whole, x, xFrom, lanes, lane);
                default -> dotF32(weights, offset, whole, x, xFrom, lanes, lane);
            }
        }
        ScalarDenseKernels.dot(type, weights, offset, whole, count, x, xFrom, lanes);
    }

    private static void dotF32(
            MemorySegment weights, long offset, int count, float[] x, int xFrom, float[] lanes, int lane) {
        FloatVector sum = FloatVector.fromArray(F, lanes, lane);
        for (long i = lane; i < count; i += LANES) {
            FloatVector w = FloatVector.fromMemorySegment(F, weights, offset + i * Float.BYTES, LE);
            sum = w.fma(FloatVector.fromArray(F, x, xFrom + (int) i), sum);
        }
        sum.intoArray(lanes, lane);
    }

    private static IntVector widened(MemorySegment weights, long offset) {
        return (IntVector) ShortVector.fromMemorySegment(S, weights, offset, LE)
                .convertShape(VectorOperators.ZERO_EXTEND_S2I, I, 0);
    }

    private static void dotBf16(
            MemorySegment weights, long offset, int count, float[] x, int xFrom, float[] lanes, int lane) {
        FloatVector sum = FloatVector.fromArray(F, lanes, lane);
        for (int i = lane; i < count; i += LANES) {
            FloatVector w = widened(weights, offset + (long) i * Short.BYTES)
                    .lanewise(VectorOperators.LSHL, Short.SIZE)
                    .reinterpretAsFloats();
            sum = w.fma(FloatVector.fromArray(F, x, xFrom + i), sum);
        }
        sum.intoArray(lanes, lane);
    }

    private static void dotF16(
            MemorySegment weights, long offset, int count, float[] x, int xFrom, float[] lanes, int lane) {
        FloatVector sum = FloatVector.fromArray(F, lanes, lane);
        for (int i = lane; i < count; i += LANES) {
            // sign, then exponent and mantissa: shifted arithmetically by three with copies of the sign taken out
            FloatVector w = widened(weights, offset + (long) i * Short.BYTES)
                    .lanewise(VectorOperators.LSHL, Short.SIZE)
                    .lanewise(VectorOperators.ASHR, 3)
                    .and(0x8fffe000)
                    .reinterpretAsFloats()
                    .mul(TO_HALF_BIAS);
            sum = w.fma(FloatVector.fromArray(F, x, xFrom + i), sum);
        }
        sum.intoArray(lanes, lane);
    }
}
