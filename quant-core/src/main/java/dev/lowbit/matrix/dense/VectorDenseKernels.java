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
 * The verb in SIMD; the last lanes of a row go the scalar way. One chain of sums for sixteen lanes keeps up with memory. The loop over
 * floats counts in longs: in ints it is unrolled so that addresses are not met in order, which costs a third of the bandwidth; over 16-bit floats it is the
 * other way round, by a quarter.
 */
final class VectorDenseKernels implements DenseKernels {
    private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
    private static final VectorSpecies<Float> F = VectorWidth.floats();
    private static final VectorSpecies<Integer> I = F.withLanes(int.class);
    private static final int WIDTH = F.length();

    /** Whether two registers are summed side by side: an addition would else wait for the one before. */
    private static final boolean TWO = WIDTH < LANES;

    private static final int STEP = TWO ? 2 * WIDTH : WIDTH;

    private static final VectorSpecies<Short> S =
            VectorShape.forBitSize(Math.max(64, VectorWidth.bits() / 2)).withLanes(short.class);

    /** What a half is too small by when its exponent and mantissa stand in a float's place: exact, for subnormals too. */
    private static final float TO_HALF_BIAS = 0x1p112f;

    @Override
    public void dot(DType type, MemorySegment weights, long offset, int count, float[] x, int xFrom, float[] lanes) {
        int whole = count / LANES * LANES;
        for (int lane = 0; lane < LANES; lane += STEP) {
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
        FloatVector sum2 = FloatVector.fromArray(F, lanes, lane + STEP - WIDTH);
        for (long i = lane; i < count; i += LANES) {
            long at = offset + i * Float.BYTES;
            int from = xFrom + (int) i;
            sum = f32(weights, at).fma(FloatVector.fromArray(F, x, from), sum);
            if (TWO) {
                sum2 = f32(weights, at + WIDTH * Float.BYTES).fma(FloatVector.fromArray(F, x, from + WIDTH), sum2);
            }
        }
        sum2.intoArray(lanes, lane + STEP - WIDTH);
        sum.intoArray(lanes, lane);
    }

    private static FloatVector f32(MemorySegment weights, long at) {
        return FloatVector.fromMemorySegment(F, weights, at, LE);
    }

    private static void dotBf16(
            MemorySegment weights, long offset, int count, float[] x, int xFrom, float[] lanes, int lane) {
        FloatVector sum = FloatVector.fromArray(F, lanes, lane);
        FloatVector sum2 = FloatVector.fromArray(F, lanes, lane + STEP - WIDTH);
        for (int i = lane; i < count; i += LANES) {
            long at = offset + (long) i * Short.BYTES;
            int from = xFrom + i;
            sum = bf16(weights, at).fma(FloatVector.fromArray(F, x, from), sum);
            if (TWO) {
                sum2 = bf16(weights, at + WIDTH * Short.BYTES).fma(FloatVector.fromArray(F, x, from + WIDTH), sum2);
            }
        }
        sum2.intoArray(lanes, lane + STEP - WIDTH);
        sum.intoArray(lanes, lane);
    }

    private static FloatVector bf16(MemorySegment weights, long at) {
        return widened(weights, at).reinterpretAsFloats();
    }

    private static void dotF16(
            MemorySegment weights, long offset, int count, float[] x, int xFrom, float[] lanes, int lane) {
        FloatVector sum = FloatVector.fromArray(F, lanes, lane);
        FloatVector sum2 = FloatVector.fromArray(F, lanes, lane + STEP - WIDTH);
        for (int i = lane; i < count; i += LANES) {
            long at = offset + (long) i * Short.BYTES;
            int from = xFrom + i;
            sum = f16(weights, at).fma(FloatVector.fromArray(F, x, from), sum);
            if (TWO) {
                sum2 = f16(weights, at + WIDTH * Short.BYTES).fma(FloatVector.fromArray(F, x, from + WIDTH), sum2);
            }
        }
        sum2.intoArray(lanes, lane + STEP - WIDTH);
        sum.intoArray(lanes, lane);
    }

    /** Sign, then exponent and mantissa: shifted arithmetically by three with copies of the sign taken out. */
    private static FloatVector f16(MemorySegment weights, long at) {
        return widened(weights, at)
                .lanewise(VectorOperators.ASHR, 3)
                .and(0x8fffe000)
                .reinterpretAsFloats()
                .mul(TO_HALF_BIAS);
    }

    /** Sixteen bits each in the upper half of a lane. */
    private static IntVector widened(MemorySegment weights, long at) {
        IntVector lower = (IntVector)
                ShortVector.fromMemorySegment(S, weights, at, LE).convertShape(VectorOperators.ZERO_EXTEND_S2I, I, 0);
        return lower.lanewise(VectorOperators.LSHL, Short.SIZE);
    }
}
