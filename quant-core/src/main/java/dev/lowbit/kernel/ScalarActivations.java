package dev.lowbit.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The definition of {@link Activations}, one float at a time; {@link VectorActivations} repeats it operation by operation. */
public final class ScalarActivations implements Activations {
    static final float LOWEST = -87;
    static final float HIGHEST = 88;
    static final float LOG2_E = 1.44269504f;
    /** 1.5 * 2^23: adding it rounds to an integer, which then stands in the low bits. */
    static final float ROUND = 12582912;

    static final float LN2_HIGH = 0.693359375f;
    static final float LN2_LOW = -2.12194440e-4f;
    /** Taylor coefficients of e^r: |r| is at most 0.347, so the first term left out is below 1.2e-7. */
    static final float E6 = 1f / 720;

    static final float E5 = 1f / 120;
    static final float E4 = 1f / 24;
    static final float E3 = 1f / 6;
    static final float GELU_SCALE = 1.59576912f;
    static final float GELU_CUBE = 0.044715f;
    static final float ERF_P = 0.3275911f;
    static final float A1 = 0.254829592f;
    static final float A2 = -0.284496736f;
    static final float A3 = 1.421413741f;
    static final float A4 = -1.453152027f;
    static final float A5 = 1.061405429f;
    static final float SQRT_HALF = 0.70710678f;
    /** 1 / √(2π). */
    static final float NORMAL_DENSITY = 0.39894228f;

    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

    static float exp(float x) {
        if (Float.isNaN(x)) {
            return x;
        }
        if (x < LOWEST) {
            return 0;
        }
        float clipped = Math.min(x, HIGHEST);
        float shifted = Math.fma(clipped, LOG2_E, ROUND);
        int n = Float.floatToRawIntBits(shifted) - Float.floatToRawIntBits(ROUND);
        float whole = shifted - ROUND;
        float r = Math.fma(whole, -LN2_LOW, Math.fma(whole, -LN2_HIGH, clipped));
        float p = Math.fma(E6, r, E5);
        p = Math.fma(p, r, E4);
        p = Math.fma(p, r, E3);
        p = Math.fma(p, r, 0.5f);
        p = Math.fma(p, r, 1);
        p = Math.fma(p, r, 1);
        return Float.intBitsToFloat(Float.floatToRawIntBits(p) + (n << 23));
    }

    private static float sigmoid(float x) {
        return 1 / (1 + exp(-x));
    }

    /** Φ(x) from the error function of |x| / √2. */
    private static float normal(float x) {
        float z = Math.abs(x) * SQRT_HALF;
        float t = 1 / Math.fma(z, ERF_P, 1);
        float p = Math.fma(A5, t, A4);
        p = Math.fma(p, t, A3);
        p = Math.fma(p, t, A2);
        p = Math.fma(p, t, A1);
        float tail = 0.5f * (p * t * exp(-(z * z)));
        return x < 0 ? tail : 1 - tail;
    }

    static float value(Activation f, float x) {
        return switch (f) {
            case SILU -> x * sigmoid(x);
            case GELU_TANH -> x * sigmoid(GELU_SCALE * Math.fma(GELU_CUBE * (x * x), x, x));
            case GELU_ERF -> x * normal(x);
            case RELU -> x < 0 ? 0 : x;
        };
    }

    static float slope(Activation f, float x) {
        switch (f) {
            case SILU -> {
                float s = sigmoid(x);
                return Math.fma(x * s, 1 - s, s);
            }
            case GELU_TANH -> {
                float square = x * x;
                float s = sigmoid(GELU_SCALE * Math.fma(GELU_CUBE * square, x, x));
                float inner = GELU_SCALE * Math.fma(3 * GELU_CUBE, square, 1);
                return Math.fma(x * s * (1 - s), inner, s);
            }
            case GELU_ERF -> {
                return Math.fma(x * NORMAL_DENSITY, exp(-0.5f * (x * x)), normal(x));
            }
            default -> {
                return x > 0 ? 1 : 0;
            }
        }
    }

    @Override
    public float max(MemorySegment x, long offset, long length) {
        float max = Float.NEGATIVE_INFINITY;
        for (long i = 0; i < length; i++) {
            max = Math.max(max, x.getAtIndex(FLOAT, offset + i));
        }
        return max;
    }

    @Override
    public void exp(MemorySegment x, long offset, float minus, MemorySegment out, long outOffset, long length) {
        for (long i = 0; i < length; i++) {
            out.setAtIndex(FLOAT, outOffset + i, exp(x.getAtIndex(FLOAT, offset + i) - minus));
        }
    }

    @Override
    public void multiply(
            MemorySegment a,
            long aOffset,
            MemorySegment b,
            long bOffset,
            MemorySegment out,
            long outOffset,
            long length) {
        for (long i = 0; i < length; i++) {
            out.setAtIndex(FLOAT, outOffset + i, a.getAtIndex(FLOAT, aOffset + i) * b.getAtIndex(FLOAT, bOffset + i));
        }
    }

    @Override
    public void apply(Activation f, MemorySegment x, long offset, MemorySegment out, long outOffset, long length) {
        for (long i = 0; i < length; i++) {
            out.setAtIndex(FLOAT, outOffset + i, value(f, x.getAtIndex(FLOAT, offset + i)));
        }
    }

    @Override
    public void derivative(Activation f, MemorySegment x, long offset, MemorySegment out, long outOffset, long length) {
        for (long i = 0; i < length; i++) {
            out.setAtIndex(FLOAT, outOffset + i, slope(f, x.getAtIndex(FLOAT, offset + i)));
        }
    }
}
