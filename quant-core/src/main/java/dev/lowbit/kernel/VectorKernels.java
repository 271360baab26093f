package dev.lowbit.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * The SIMD form. A pass over the operands keeps two vectors of double sums, which are 4, 8 or all 16 of the virtual lanes;
 * narrow machines make several passes. Offsets are long byte counts, because that keeps the loads in the order of memory.
 */
public final class VectorKernels implements Kernels {
    private static final VectorSpecies<Float> FLOATS = VectorWidth.floats();
    private static final VectorSpecies<Integer> INTS = FLOATS.withLanes(int.class);
    private static final VectorSpecies<Double> DOUBLES = FLOATS.withLanes(double.class);
    /** As many floats as there are lanes of double. */
    private static final VectorSpecies<Float> HALF =
            VectorSpecies.of(float.class, VectorShape.forBitSize(DOUBLES.vectorBitSize() / 2));

    private static final int LANES = FLOATS.length();
    private static final int HALF_BYTES = DOUBLES.length() * Float.BYTES;
    private static final int PASS_LANES = 2 * DOUBLES.length();
    private static final int VIRTUAL_LANES = 16;
    private static final int SIXTEEN_BYTES = VIRTUAL_LANES * Float.BYTES;
    private static final int ABS_MASK = 0x7fffffff;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
    private static final ScalarKernels SCALAR = new ScalarKernels();

    @Override
    public float absMax(MemorySegment x, long offset, long length) {
        // Without the sign bit, floats order like integers, and NaN is above infinity.
        // Four chains: a loop that counts in longs is not unrolled, and one chain alone would pay for the counting.
        IntVector max = IntVector.zero(INTS);
        IntVector second = max;
        IntVector third = max;
        IntVector fourth = max;
        long bytes = (long) LANES * Float.BYTES;
        long whole = length - length % LANES;
        long at = offset * Float.BYTES;
        long end = (offset + whole) * Float.BYTES;
        for (; at + 4 * bytes <= end; at += 4 * bytes) {
            max = max.max(IntVector.fromMemorySegment(INTS, x, at, ORDER).and(ABS_MASK));
            second = second.max(
                    IntVector.fromMemorySegment(INTS, x, at + bytes, ORDER).and(ABS_MASK));
            third = third.max(
                    IntVector.fromMemorySegment(INTS, x, at + 2 * bytes, ORDER).and(ABS_MASK));
            fourth = fourth.max(
                    IntVector.fromMemorySegment(INTS, x, at + 3 * bytes, ORDER).and(ABS_MASK));
        }
        for (; at < end; at += bytes) {
            max = max.max(IntVector.fromMemorySegment(INTS, x, at, ORDER).and(ABS_MASK));
        }
        max = max.max(second).max(third.max(fourth));
        float body = Float.intBitsToFloat(max.reduceLanes(VectorOperators.MAX));
        return Math.max(body, SCALAR.absMax(x, offset + whole, length - whole));
    }

    @Override
    public double dot(MemorySegment a, long aOffset, MemorySegment b, long bOffset, long length) {
        long whole = length - length % VIRTUAL_LANES;
        double sum = 0;
        if (PASS_LANES == VIRTUAL_LANES) {
            sum = dotPass(a, aOffset, b, bOffset, whole);
        } else {
            for (int lane = 0; lane < VIRTUAL_LANES; lane += 8) {
                double first = dotPass(a, aOffset + lane, b, bOffset + lane, whole);
                sum += PASS_LANES == 8 ? first : first + dotPass(a, aOffset + lane + 4, b, bOffset + lane + 4, whole);
            }
        }
        for (long i = whole; i < length; i++) {
            sum += (double) a.getAtIndex(FLOAT, aOffset + i) * b.getAtIndex(FLOAT, bOffset + i);
        }
        return sum;
    }

    private static double dotPass(MemorySegment a, long aOffset, MemorySegment b, long bOffset, long whole) {
        DoubleVector left = DoubleVector.zero(DOUBLES);
        DoubleVector right = DoubleVector.zero(DOUBLES);
        long aAt = aOffset * Float.BYTES;
        long bAt = bOffset * Float.BYTES;
        for (long at = 0; at < whole * Float.BYTES; at += SIXTEEN_BYTES) {
            DoubleVector x = widen(a, aAt + at);
            DoubleVector y = widen(b, bAt + at);
            left = x.fma(y, left);
            x = widen(a, aAt + at + HALF_BYTES);
            y = widen(b, bAt + at + HALF_BYTES);
            right = x.fma(y, right);
        }
        return combine(left, right);
    }

    @Override
    public double squaredDifference(MemorySegment a, long aOffset, MemorySegment b, long bOffset, long length) {
        long whole = length - length % VIRTUAL_LANES;
        double sum = 0;
        if (PASS_LANES == VIRTUAL_LANES) {
            sum = differencePass(a, aOffset, b, bOffset, whole);
        } else {
            for (int lane = 0; lane < VIRTUAL_LANES; lane += 8) {
                double first = differencePass(a, aOffset + lane, b, bOffset + lane, whole);
                sum += PASS_LANES == 8
                        ? first
                        : first + differencePass(a, aOffset + lane + 4, b, bOffset + lane + 4, whole);
            }
        }
        for (long i = whole; i < length; i++) {
            double difference = (double) a.getAtIndex(FLOAT, aOffset + i) - b.getAtIndex(FLOAT, bOffset + i);
            sum = Math.fma(difference, difference, sum);
        }
        return sum;
    }

    private static double differencePass(MemorySegment a, long aOffset, MemorySegment b, long bOffset, long whole) {
        DoubleVector left = DoubleVector.zero(DOUBLES);
        DoubleVector right = DoubleVector.zero(DOUBLES);
        long aAt = aOffset * Float.BYTES;
        long bAt = bOffset * Float.BYTES;
        for (long at = 0; at < whole * Float.BYTES; at += SIXTEEN_BYTES) {
            DoubleVector difference = widen(a, aAt + at).sub(widen(b, bAt + at));
            left = difference.fma(difference, left);
            difference = widen(a, aAt + at + HALF_BYTES).sub(widen(b, bAt + at + HALF_BYTES));
            right = difference.fma(difference, right);
        }
        return combine(left, right);
    }

    @Override
    public double weightedSquaredDifference(
            MemorySegment a,
            long aOffset,
            MemorySegment b,
            long bOffset,
            MemorySegment weights,
            long weightsOffset,
            long length) {
        long whole = length - length % VIRTUAL_LANES;
        double sum = 0;
        if (PASS_LANES == VIRTUAL_LANES) {
            sum = weightedPass(a, aOffset, b, bOffset, weights, weightsOffset, whole);
        } else {
            for (int lane = 0; lane < VIRTUAL_LANES; lane += 8) {
                double first = weightedPass(a, aOffset + lane, b, bOffset + lane, weights, weightsOffset + lane, whole);
                int next = lane + 4;
                sum += PASS_LANES == 8
                        ? first
                        : first
                                + weightedPass(
                                        a, aOffset + next, b, bOffset + next, weights, weightsOffset + next, whole);
            }
        }
        for (long i = whole; i < length; i++) {
            double difference = (double) a.getAtIndex(FLOAT, aOffset + i) - b.getAtIndex(FLOAT, bOffset + i);
            sum = Math.fma(difference * difference, weights.getAtIndex(FLOAT, weightsOffset + i), sum);
        }
        return sum;
    }

    private static double weightedPass(
            MemorySegment a,
            long aOffset,
            MemorySegment b,
            long bOffset,
            MemorySegment weights,
            long weightsOffset,
            long whole) {
        DoubleVector left = DoubleVector.zero(DOUBLES);
        DoubleVector right = DoubleVector.zero(DOUBLES);
        long aAt = aOffset * Float.BYTES;
        long bAt = bOffset * Float.BYTES;
        long wAt = weightsOffset * Float.BYTES;
        for (long at = 0; at < whole * Float.BYTES; at += SIXTEEN_BYTES) {
            DoubleVector difference = widen(a, aAt + at).sub(widen(b, bAt + at));
            left = difference.mul(difference).fma(widen(weights, wAt + at), left);
            difference = widen(a, aAt + at + HALF_BYTES).sub(widen(b, bAt + at + HALF_BYTES));
            right = difference.mul(difference).fma(widen(weights, wAt + at + HALF_BYTES), right);
        }
        return combine(left, right);
    }

    private static DoubleVector widen(MemorySegment x, long byteOffset) {
        return (DoubleVector)
                FloatVector.fromMemorySegment(HALF, x, byteOffset, ORDER).convertShape(VectorOperators.F2D, DOUBLES, 0);
    }

    /** The fixed tree over the lanes of one pass. */
    private static double combine(DoubleVector left, DoubleVector right) {
        return switch (DOUBLES.length()) {
            case 2 -> (left.lane(0) + right.lane(0)) + (left.lane(1) + right.lane(1));
            case 4 -> fours(left, 0) + fours(right, 0);
            default -> (fours(left, 0) + fours(left, 4)) + (fours(right, 0) + fours(right, 4));
        };
    }

    private static double fours(DoubleVector v, int from) {
        return (v.lane(from) + v.lane(from + 2)) + (v.lane(from + 1) + v.lane(from + 3));
    }

    @Override
    public void axpy(float alpha, MemorySegment x, long xOffset, MemorySegment y, long yOffset, long length) {
        long whole = length - length % LANES;
        FloatVector factor = FloatVector.broadcast(FLOATS, alpha);
        for (long i = 0; i < whole; i += LANES) {
            long at = (yOffset + i) * Float.BYTES;
            FloatVector value = FloatVector.fromMemorySegment(FLOATS, x, (xOffset + i) * Float.BYTES, ORDER);
            factor.fma(value, FloatVector.fromMemorySegment(FLOATS, y, at, ORDER))
                    .intoMemorySegment(y, at, ORDER);
        }
        SCALAR.axpy(alpha, x, xOffset + whole, y, yOffset + whole, length - whole);
    }

    @Override
    public void scale(float alpha, MemorySegment x, long offset, long length) {
        long whole = length - length % LANES;
        for (long i = 0; i < whole; i += LANES) {
            long at = (offset + i) * Float.BYTES;
            FloatVector.fromMemorySegment(FLOATS, x, at, ORDER).mul(alpha).intoMemorySegment(x, at, ORDER);
        }
        SCALAR.scale(alpha, x, offset + whole, length - whole);
    }

    @Override
    public void subtract(
            MemorySegment a,
            long aOffset,
            MemorySegment b,
            long bOffset,
            MemorySegment out,
            long outOffset,
            long length) {
        long whole = length - length % LANES;
        for (long i = 0; i < whole; i += LANES) {
            FloatVector left = FloatVector.fromMemorySegment(FLOATS, a, (aOffset + i) * Float.BYTES, ORDER);
            FloatVector right = FloatVector.fromMemorySegment(FLOATS, b, (bOffset + i) * Float.BYTES, ORDER);
            left.sub(right).intoMemorySegment(out, (outOffset + i) * Float.BYTES, ORDER);
        }
        SCALAR.subtract(a, aOffset + whole, b, bOffset + whole, out, outOffset + whole, length - whole);
    }
}
