package dev.lowbit.kernel;

import dev.lowbit.kernel.FloatSpan.Blocks;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * The SIMD form. A pass over the operands keeps two vectors of double sums, which are 4, 8 or all 16 of the virtual lanes;
 * narrow machines make several passes.
 */
public final class VectorKernels implements Kernels {
    private static final VectorSpecies<Float> FLOATS = VectorWidth.floats();
    private static final VectorSpecies<Integer> INTS = FLOATS.withLanes(int.class);
    private static final VectorSpecies<Double> DOUBLES = FLOATS.withLanes(double.class);
    /** As many floats as there are lanes of double. */
    private static final VectorSpecies<Float> HALF =
            VectorSpecies.of(float.class, VectorShape.forBitSize(DOUBLES.vectorBitSize() / 2));

    private static final int LANES = FLOATS.length();
    private static final int HALF_LANES = DOUBLES.length();
    private static final int PASS_LANES = 2 * DOUBLES.length();
    private static final int VIRTUAL_LANES = 16;
    private static final int ABS_MASK = 0x7fffffff;
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
    private static final ScalarKernels SCALAR = new ScalarKernels();

    @Override
    public float absMax(MemorySegment x, long offset, long length) {
        // Without the sign bit, floats order like integers, and NaN is above infinity.
        // Four chains: a loop that counts in longs is not unrolled, and one chain alone would pay for the counting.
        FloatSpan span = FloatSpan.of(x, offset, length);
        IntVector max = IntVector.zero(INTS);
        IntVector second = max;
        IntVector third = max;
        IntVector fourth = max;
        long whole = length - length % LANES;
        long at = 0;
        for (; at + 4 * LANES <= whole; at += 4 * LANES) {
            max = max.max(magnitude(span, at));
            second = second.max(magnitude(span, at + LANES));
            third = third.max(magnitude(span, at + 2 * LANES));
            fourth = fourth.max(magnitude(span, at + 3 * LANES));
        }
        for (; at < whole; at += LANES) {
            max = max.max(magnitude(span, at));
        }
        max = max.max(second).max(third.max(fourth));
        float body = Float.intBitsToFloat(max.reduceLanes(VectorOperators.MAX));
        return Math.max(body, SCALAR.absMax(x, offset + whole, length - whole));
    }

    private static IntVector magnitude(FloatSpan span, long at) {
        return span.load(FLOATS, at).reinterpretAsInts().and(ABS_MASK);
    }

    /** The part of a sum that two vectors of virtual lanes have. */
    @FunctionalInterface
    private interface Pass {
        /** @param lane the first of the lanes */
        double sum(int lane);
    }

    private static double passes(Pass pass) {
        if (PASS_LANES == VIRTUAL_LANES) {
            return pass.sum(0);
        }
        double sum = 0;
        for (int lane = 0; lane < VIRTUAL_LANES; lane += 8) {
            sum += PASS_LANES == 8 ? pass.sum(lane) : pass.sum(lane) + pass.sum(lane + 4);
        }
        return sum;
    }

    @Override
    public double dot(MemorySegment a, long aOffset, MemorySegment b, long bOffset, long length) {
        FloatSpan left = FloatSpan.of(a, aOffset, length);
        FloatSpan right = FloatSpan.of(b, bOffset, length);
        long whole = length - length % VIRTUAL_LANES;
        double sum = passes(lane -> dotPass(left, right, lane, whole));
        for (long i = whole; i < length; i++) {
            sum += (double) a.getAtIndex(FLOAT, aOffset + i) * b.getAtIndex(FLOAT, bOffset + i);
        }
        return sum;
    }

    private static double dotPass(FloatSpan a, FloatSpan b, int lane, long whole) {
        Blocks blocks = Blocks.ofThread();
        int step = Math.min(a.atOnce(whole), b.atOnce(whole));
        DoubleVector left = DoubleVector.zero(DOUBLES);
        DoubleVector right = DoubleVector.zero(DOUBLES);
        for (long from = 0; from < whole; from += step) {
            int count = (int) Math.min(step, whole - from);
            float[] x = a.read(from, count, blocks.a);
            float[] y = b.read(from, count, blocks.b);
            int xAt = a.at(from) + lane;
            int yAt = b.at(from) + lane;
            for (int i = 0; i < count; i += VIRTUAL_LANES) {
                left = widen(x, xAt + i).fma(widen(y, yAt + i), left);
                right = widen(x, xAt + i + HALF_LANES).fma(widen(y, yAt + i + HALF_LANES), right);
            }
        }
        return combine(left, right);
    }

    @Override
    public double squaredDifference(MemorySegment a, long aOffset, MemorySegment b, long bOffset, long length) {
        FloatSpan left = FloatSpan.of(a, aOffset, length);
        FloatSpan right = FloatSpan.of(b, bOffset, length);
        long whole = length - length % VIRTUAL_LANES;
        double sum = passes(lane -> differencePass(left, right, lane, whole));
        for (long i = whole; i < length; i++) {
            double difference = (double) a.getAtIndex(FLOAT, aOffset + i) - b.getAtIndex(FLOAT, bOffset + i);
            sum = Math.fma(difference, difference, sum);
        }
        return sum;
    }

    private static double differencePass(FloatSpan a, FloatSpan b, int lane, long whole) {
        Blocks blocks = Blocks.ofThread();
        int step = Math.min(a.atOnce(whole), b.atOnce(whole));
        DoubleVector left = DoubleVector.zero(DOUBLES);
        DoubleVector right = DoubleVector.zero(DOUBLES);
        for (long from = 0; from < whole; from += step) {
            int count = (int) Math.min(step, whole - from);
            float[] x = a.read(from, count, blocks.a);
            float[] y = b.read(from, count, blocks.b);
            int xAt = a.at(from) + lane;
            int yAt = b.at(from) + lane;
            for (int i = 0; i < count; i += VIRTUAL_LANES) {
                DoubleVector difference = widen(x, xAt + i).sub(widen(y, yAt + i));
                left = difference.fma(difference, left);
                difference = widen(x, xAt + i + HALF_LANES).sub(widen(y, yAt + i + HALF_LANES));
                right = difference.fma(difference, right);
            }
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
        FloatSpan left = FloatSpan.of(a, aOffset, length);
        FloatSpan right = FloatSpan.of(b, bOffset, length);
        FloatSpan by = FloatSpan.of(weights, weightsOffset, length);
        long whole = length - length % VIRTUAL_LANES;
        double sum = passes(lane -> weightedPass(left, right, by, lane, whole));
        for (long i = whole; i < length; i++) {
            double difference = (double) a.getAtIndex(FLOAT, aOffset + i) - b.getAtIndex(FLOAT, bOffset + i);
            sum = Math.fma(difference * difference, weights.getAtIndex(FLOAT, weightsOffset + i), sum);
        }
        return sum;
    }

    private static double weightedPass(FloatSpan a, FloatSpan b, FloatSpan weights, int lane, long whole) {
        Blocks blocks = Blocks.ofThread();
        int step = Math.min(Math.min(a.atOnce(whole), b.atOnce(whole)), weights.atOnce(whole));
        DoubleVector left = DoubleVector.zero(DOUBLES);
        DoubleVector right = DoubleVector.zero(DOUBLES);
        for (long from = 0; from < whole; from += step) {
            int count = (int) Math.min(step, whole - from);
            float[] x = a.read(from, count, blocks.a);
            float[] y = b.read(from, count, blocks.b);
            float[] w = weights.read(from, count, blocks.c);
            int xAt = a.at(from) + lane;
            int yAt = b.at(from) + lane;
            int wAt = weights.at(from) + lane;
            for (int i = 0; i < count; i += VIRTUAL_LANES) {
                DoubleVector difference = widen(x, xAt + i).sub(widen(y, yAt + i));
                left = difference.mul(difference).fma(widen(w, wAt + i), left);
                difference = widen(x, xAt + i + HALF_LANES).sub(widen(y, yAt + i + HALF_LANES));
                right = difference.mul(difference).fma(widen(w, wAt + i + HALF_LANES), right);
            }
        }
        return combine(left, right);
    }

    private static DoubleVector widen(float[] x, int at) {
        return (DoubleVector) FloatVector.fromArray(HALF, x, at).convertShape(VectorOperators.F2D, DOUBLES, 0);
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
        FloatSpan sums = FloatSpan.of(y, yOffset, length);
        FloatSpan.map(
                FloatSpan.of(x, xOffset, length),
                sums,
                sums,
                length,
                (a, aAt, b, bAt, out, at, count) -> axpy(alpha, a, aAt, b, bAt, out, at, count));
    }

    private static void axpy(float alpha, float[] x, int xAt, float[] y, int yAt, float[] out, int at, int count) {
        FloatVector factor = FloatVector.broadcast(FLOATS, alpha);
        int whole = count - count % LANES;
        for (int i = 0; i < whole; i += LANES) {
            factor.fma(FloatVector.fromArray(FLOATS, x, xAt + i), FloatVector.fromArray(FLOATS, y, yAt + i))
                    .intoArray(out, at + i);
        }
        for (int i = whole; i < count; i++) {
            out[at + i] = Math.fma(alpha, x[xAt + i], y[yAt + i]);
        }
    }

    @Override
    public void scale(float alpha, MemorySegment x, long offset, long length) {
        FloatSpan span = FloatSpan.of(x, offset, length);
        long whole = length - length % LANES;
        for (long at = 0; at < whole; at += LANES) {
            span.store(at, span.load(FLOATS, at).mul(alpha));
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
        FloatSpan.map(
                FloatSpan.of(a, aOffset, length),
                FloatSpan.of(b, bOffset, length),
                FloatSpan.of(out, outOffset, length),
                length,
                VectorKernels::subtract);
    }

    private static void subtract(float[] a, int aAt, float[] b, int bAt, float[] out, int outAt, int count) {
        int whole = count - count % LANES;
        for (int i = 0; i < whole; i += LANES) {
            FloatVector.fromArray(FLOATS, a, aAt + i)
                    .sub(FloatVector.fromArray(FLOATS, b, bAt + i))
                    .intoArray(out, outAt + i);
        }
        for (int i = whole; i < count; i++) {
            out[outAt + i] = a[aAt + i] - b[bAt + i];
        }
    }
}
