package dev.lowbit.linalg;

import dev.lowbit.error.NonFiniteWeightException;
import dev.lowbit.kernel.Kernels;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;

/**
 * Norms and errors of whole matrices, in double. The matrix is cut into blocks of {@value #BLOCK} consecutive values whose
 * sums are added in block order, so the bits depend neither on the threads nor on the SIMD width.
 */
public final class Norms {
    /** Values in one block; part of the definition of the result. */
    static final int BLOCK = 1 << 15;

    private Norms() {}

    /** ||A||_F, the root of {@link #sumOfSquares}. */
    public static double frobenius(FloatMatrix a, Workers workers) {
        return Math.sqrt(sumOfSquares(a, workers));
    }

    /** ||A||_F^2. a is not modified. */
    public static double sumOfSquares(FloatMatrix a, Workers workers) {
        Kernels kernels = Kernels.get();
        MemorySegment values = a.segment();
        return sum(a.size(), workers, (offset, length) -> kernels.sumOfSquares(values, offset, length));
    }

    /** ||A - B||_F^2. Neither is modified. */
    public static double squaredDifference(FloatMatrix a, FloatMatrix b, Workers workers) {
        requireSameShape(a, b);
        Kernels kernels = Kernels.get();
        MemorySegment left = a.segment();
        MemorySegment right = b.segment();
        return sum(
                a.size(), workers, (offset, length) -> kernels.squaredDifference(left, offset, right, offset, length));
    }

    /** Sum of w_ij (a_ij - b_ij)^2. No operand is modified. */
    public static double weightedSquaredDifference(FloatMatrix a, FloatMatrix b, FloatMatrix weights, Workers workers) {
        requireSameShape(a, b);
        requireSameShape(a, weights);
        Kernels kernels = Kernels.get();
        MemorySegment left = a.segment();
        MemorySegment right = b.segment();
        MemorySegment w = weights.segment();
        return sum(
                a.size(),
                workers,
                (offset, length) -> kernels.weightedSquaredDifference(left, offset, right, offset, w, offset, length));
    }

    /** max |a_ij|, 0 when empty. a is not modified. */
    public static float absMax(FloatMatrix a) {
        return Kernels.get().absMax(a.segment(), 0, a.size());
    }

    private interface BlockSum {
        double of(long offset, long length);
    }

    private static double sum(long size, Workers workers, BlockSum block) {
        double[] sums = new double[Math.toIntExact(Math.ceilDiv(size, BLOCK))];
        workers.forEach(sums.length, i -> {
            long offset = (long) i * BLOCK;
            sums[i] = block.of(offset, Math.min(BLOCK, size - offset));
        });
        double total = 0;
        for (double sum : sums) {
            total += sum;
        }
        return total;
    }

    private static void requireSameShape(FloatMatrix a, FloatMatrix b) {
        if (a.rows() != b.rows() || a.columns() != b.columns()) {
            throw new IllegalArgumentException(
                    "shapes differ: " + a.rows() + " x " + a.columns() + " and " + b.rows() + " x " + b.columns());
        }
    }

    /**
     * Refuses a matrix with a value that is no number.
     *
     * @throws NonFiniteWeightException naming the first NaN or infinity in row-major order
     */
    public static void requireFinite(FloatMatrix a) {
        if (Float.isFinite(absMax(a))) {
            return;
        }
        for (int i = 0; i < a.rows(); i++) {
            for (int j = 0; j < a.columns(); j++) {
                if (!Float.isFinite(a.get(i, j))) {
                    throw new NonFiniteWeightException(i, j, a.get(i, j));
                }
            }
        }
    }
}
