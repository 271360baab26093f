package dev.lowbit.kernel;

import java.lang.foreign.MemorySegment;

/**
 * Elementwise verbs of a network on float slices; offsets and lengths in floats, an output may be the same slice as an input.
 * Every value is a fixed sequence of IEEE operations, so all implementations and SIMD widths give the same bits.
 *
 * <p>e^x is 2^n p(r) with r = x - n ln 2 and a polynomial of degree 6: relative error below 2.5e-7 for x from -87 to 88; smaller
 * x give 0, larger ones count as 88, NaN stays NaN. The error function is Abramowitz and Stegun 7.1.26, absolute error 5e-7.
 */
public interface Activations {
    /** The implementation in use, chosen once by {@link KernelLookup}. */
    static Activations get() {
        return ActivationsHolder.CHOSEN;
    }

    /** max x_i, NaN when a value is NaN, negative infinity for an empty slice. */
    float max(MemorySegment x, long offset, long length);

    /** out_i = e^(x_i - minus). */
    void exp(MemorySegment x, long offset, float minus, MemorySegment out, long outOffset, long length);

    /** out_i = a_i b_i. */
    void multiply(
            MemorySegment a,
            long aOffset,
            MemorySegment b,
            long bOffset,
            MemorySegment out,
            long outOffset,
            long length);

    /** out_i = f(x_i). */
    void apply(Activation f, MemorySegment x, long offset, MemorySegment out, long outOffset, long length);

    /** out_i = f'(x_i). */
    void derivative(Activation f, MemorySegment x, long offset, MemorySegment out, long outOffset, long length);
}

/** Delays the choice until the first use. */
final class ActivationsHolder {
    static final Activations CHOSEN = KernelLookup.choose(ScalarActivations::new, () -> new VectorActivations());

    private ActivationsHolder() {}
}
