package dev.lowbit.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The court: every verb as its formula says, in double where there is a sum, without tricks. */
public final class ScalarKernels implements Kernels {
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

    @Override
    public float absMax(MemorySegment x, long offset, long length) {
        float max = 0;
        for (long i = 0; i < length; i++) {
            max = Math.max(max, Math.abs(x.getAtIndex(FLOAT, offset + i)));
        }
        return max;
    }

    @Override
    public double dot(MemorySegment a, long aOffset, MemorySegment b, long bOffset, long length) {
        double sum = 0;
        for (long i = 0; i < length; i++) {
            sum += (double) a.getAtIndex(FLOAT, aOffset + i) * b.getAtIndex(FLOAT, bOffset + i);
        }
        return sum;
    }

    @Override
    public double squaredDifference(MemorySegment a, long aOffset, MemorySegment b, long bOffset, long length) {
        double sum = 0;
        for (long i = 0; i < length; i++) {
            double difference = (double) a.getAtIndex(FLOAT, aOffset + i) - b.getAtIndex(FLOAT, bOffset + i);
            sum += difference * difference;
        }
        return sum;
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
        double sum = 0;
        for (long i = 0; i < length; i++) {
            double difference = (double) a.getAtIndex(FLOAT, aOffset + i) - b.getAtIndex(FLOAT, bOffset + i);
            sum += weights.getAtIndex(FLOAT, weightsOffset + i) * (difference * difference);
        }
        return sum;
    }

    @Override
    public void axpy(float alpha, MemorySegment x, long xOffset, MemorySegment y, long yOffset, long length) {
        for (long i = 0; i < length; i++) {
            float value = Math.fma(alpha, x.getAtIndex(FLOAT, xOffset + i), y.getAtIndex(FLOAT, yOffset + i));
            y.setAtIndex(FLOAT, yOffset + i, value);
        }
    }

    @Override
    public void scale(float alpha, MemorySegment x, long offset, long length) {
        for (long i = 0; i < length; i++) {
            x.setAtIndex(FLOAT, offset + i, alpha * x.getAtIndex(FLOAT, offset + i));
        }
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
        for (long i = 0; i < length; i++) {
            float value = a.getAtIndex(FLOAT, aOffset + i) - b.getAtIndex(FLOAT, bOffset + i);
            out.setAtIndex(FLOAT, outOffset + i, value);
        }
    }
}
