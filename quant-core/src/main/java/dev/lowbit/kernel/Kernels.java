package dev.lowbit.kernel;

import java.lang.foreign.MemorySegment;

/**
 * The verbs on plain dense floats. Every operand is a segment of native-order floats plus an offset and a length, both
 * counted in floats, so that a verb works on any slice of a matrix. Segments are checked by their own bounds.
 *
 * <p>Sums are formed in double. In {@link VectorKernels} their order is fixed, so that the bits are the same for every SIMD
 * width: element i of the whole sixteens belongs to virtual lane i mod 16; the lanes are combined as four groups of four,
 * {@code (l0+l2)+(l1+l3)} each, and the groups as {@code (g0+g1)+(g2+g3)}; what is left behind the last whole sixteen is
 * added one by one. {@link ScalarKernels} adds in plain order and agrees within rounding.
 */
public interface Kernels {
    /** The implementation in use, chosen once by {@link KernelLookup}. */
    static Kernels get() {
        return KernelsHolder.CHOSEN;
    }

    /** max |x_i|, 0 for an empty slice; NaN when a value is NaN. x is not modified. */
    float absMax(MemorySegment x, long offset, long length);

    /** Sum of x_i^2. x is not modified. */
    default double sumOfSquares(MemorySegment x, long offset, long length) {
        return dot(x, offset, x, offset, length);
    }

    /** Sum of a_i * b_i. Neither is modified. */
    double dot(MemorySegment a, long aOffset, MemorySegment b, long bOffset, long length);

    /** Sum of (a_i - b_i)^2, the difference taken in double. Neither is modified. */
    double squaredDifference(MemorySegment a, long aOffset, MemorySegment b, long bOffset, long length);

    /** Sum of w_i * (a_i - b_i)^2, all in double. No operand is modified. */
    double weightedSquaredDifference(
            MemorySegment a,
            long aOffset,
            MemorySegment b,
            long bOffset,
            MemorySegment weights,
            long weightsOffset,
            long length);

    /** y_i = fma(alpha, x_i, y_i), rounded once. x is not modified, y is; they may be the same slice, not overlapping ones. */
    void axpy(float alpha, MemorySegment x, long xOffset, MemorySegment y, long yOffset, long length);

    /** x_i = alpha * x_i. x is modified. */
    void scale(float alpha, MemorySegment x, long offset, long length);

    /** out_i = a_i - b_i. out is modified and may be the same slice as a or b, not an overlapping one. */
    void subtract(
            MemorySegment a,
            long aOffset,
            MemorySegment b,
            long bOffset,
            MemorySegment out,
            long outOffset,
            long length);
}

/** Delays the choice until the first use. */
final class KernelsHolder {
    static final Kernels CHOSEN = KernelLookup.choose(ScalarKernels::new, () -> new VectorKernels());

    private KernelsHolder() {}
}
