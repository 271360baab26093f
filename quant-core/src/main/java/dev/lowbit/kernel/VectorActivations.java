package dev.lowbit.kernel;

import static dev.lowbit.kernel.ScalarActivations.*;

import dev.lowbit.kernel.FloatSpan.Blocks;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** The SIMD form of {@link ScalarActivations}: the same operations in the same order, a lane for each value. */
public final class VectorActivations implements Activations {
    private static final VectorSpecies<Float> FLOATS = VectorWidth.floats();
    private static final int LANES = FLOATS.length();

    private static FloatVector exp(FloatVector x) {
        FloatVector clipped = x.min(HIGHEST);
        FloatVector shifted = clipped.fma(FloatVector.broadcast(FLOATS, LOG2_E), FloatVector.broadcast(FLOATS, ROUND));
        IntVector n =
                shifted.reinterpretAsInts().sub(Float.floatToRawIntBits(ROUND)).lanewise(VectorOperators.LSHL, 23);
        FloatVector whole = shifted.sub(ROUND);
        FloatVector r = whole.fma(
                FloatVector.broadcast(FLOATS, -LN2_LOW), whole.fma(FloatVector.broadcast(FLOATS, -LN2_HIGH), clipped));
        FloatVector p = r.fma(FloatVector.broadcast(FLOATS, E6), FloatVector.broadcast(FLOATS, E5));
        p = p.fma(r, FloatVector.broadcast(FLOATS, E4));
        p = p.fma(r, FloatVector.broadcast(FLOATS, E3));
        p = p.fma(r, FloatVector.broadcast(FLOATS, 0.5f));
        p = p.fma(r, FloatVector.broadcast(FLOATS, 1));
        p = p.fma(r, FloatVector.broadcast(FLOATS, 1));
        return p.reinterpretAsInts()
                .add(n)
                .reinterpretAsFloats()
                .blend(0, x.lt(LOWEST))
                .blend(x, x.test(VectorOperators.IS_NAN));
    }

    private static FloatVector sigmoid(FloatVector x) {
        FloatVector one = FloatVector.broadcast(FLOATS, 1);
        return one.div(one.add(exp(x.neg())));
    }

    private static FloatVector normal(FloatVector x) {
        FloatVector one = FloatVector.broadcast(FLOATS, 1);
        FloatVector z = x.abs().mul(SQRT_HALF);
        FloatVector t = one.div(z.fma(FloatVector.broadcast(FLOATS, ERF_P), one));
        FloatVector p = t.fma(FloatVector.broadcast(FLOATS, A5), FloatVector.broadcast(FLOATS, A4));
        p = p.fma(t, FloatVector.broadcast(FLOATS, A3));
        p = p.fma(t, FloatVector.broadcast(FLOATS, A2));
        p = p.fma(t, FloatVector.broadcast(FLOATS, A1));
        FloatVector tail = p.mul(t).mul(exp(z.mul(z).neg())).mul(0.5f);
        return one.sub(tail).blend(tail, x.lt(0));
    }

    private static FloatVector geluArgument(FloatVector x) {
        return x.mul(x).mul(GELU_CUBE).fma(x, x).mul(GELU_SCALE);
    }

    private static FloatVector load(float[] x, int at) {
        return FloatVector.fromArray(FLOATS, x, at);
    }

    @Override
    public float max(MemorySegment x, long offset, long length) {
        FloatSpan span = FloatSpan.of(x, offset, length);
        float[] block = Blocks.ofThread().a;
        int step = span.atOnce(length);
        float max = Float.NEGATIVE_INFINITY;
        for (long from = 0; from < length; from += step) {
            int count = (int) Math.min(step, length - from);
            max = Math.max(max, max(span.read(from, count, block), span.at(from), count));
        }
        return max;
    }

    private static float max(float[] x, int at, int count) {
        int whole = count - count % LANES;
        float max = Float.NEGATIVE_INFINITY;
        if (whole > 0) {
            FloatVector lanes = load(x, at);
            for (int i = LANES; i < whole; i += LANES) {
                lanes = lanes.max(load(x, at + i));
            }
            max = lanes.reduceLanes(VectorOperators.MAX);
        }
        for (int i = whole; i < count; i++) {
            max = Math.max(max, x[at + i]);
        }
        return max;
    }

    @Override
    public void exp(MemorySegment x, long offset, float minus, MemorySegment out, long outOffset, long length) {
        FloatSpan.map(
                FloatSpan.of(x, offset, length),
                FloatSpan.of(out, outOffset, length),
                length,
                (values, at, results, outAt, count) -> exp(values, at, minus, results, outAt, count));
    }

    private static void exp(float[] x, int at, float minus, float[] out, int outAt, int count) {
        int whole = count - count % LANES;
        for (int i = 0; i < whole; i += LANES) {
            exp(load(x, at + i).sub(minus)).intoArray(out, outAt + i);
        }
        for (int i = whole; i < count; i++) {
            out[outAt + i] = ScalarActivations.exp(x[at + i] - minus);
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
        FloatSpan.map(
                FloatSpan.of(a, aOffset, length),
                FloatSpan.of(b, bOffset, length),
                FloatSpan.of(out, outOffset, length),
                length,
                VectorActivations::multiply);
    }

    private static void multiply(float[] a, int aAt, float[] b, int bAt, float[] out, int outAt, int count) {
        int whole = count - count % LANES;
        for (int i = 0; i < whole; i += LANES) {
            load(a, aAt + i).mul(load(b, bAt + i)).intoArray(out, outAt + i);
        }
        for (int i = whole; i < count; i++) {
            out[outAt + i] = a[aAt + i] * b[bAt + i];
        }
    }

    @Override
    public void apply(Activation f, MemorySegment x, long offset, MemorySegment out, long outOffset, long length) {
        FloatSpan.map(
                FloatSpan.of(x, offset, length),
                FloatSpan.of(out, outOffset, length),
                length,
                (values, at, results, outAt, count) -> {
                    int whole = count - count % LANES;
                    switch (f) {
                        case SILU -> silu(values, at, results, outAt, whole);
                        case GELU_TANH -> geluTanh(values, at, results, outAt, whole);
                        case GELU_ERF -> geluErf(values, at, results, outAt, whole);
                        case RELU -> relu(values, at, results, outAt, whole);
                    }
                    for (int i = whole; i < count; i++) {
                        results[outAt + i] = ScalarActivations.value(f, values[at + i]);
                    }
                });
    }

    private static void silu(float[] x, int at, float[] out, int outAt, int count) {
        for (int i = 0; i < count; i += LANES) {
            FloatVector v = load(x, at + i);
            v.mul(sigmoid(v)).intoArray(out, outAt + i);
        }
    }

    private static void geluTanh(float[] x, int at, float[] out, int outAt, int count) {
        for (int i = 0; i < count; i += LANES) {
            FloatVector v = load(x, at + i);
            v.mul(sigmoid(geluArgument(v))).intoArray(out, outAt + i);
        }
    }

    private static void geluErf(float[] x, int at, float[] out, int outAt, int count) {
        for (int i = 0; i < count; i += LANES) {
            FloatVector v = load(x, at + i);
            v.mul(normal(v)).intoArray(out, outAt + i);
        }
    }

    private static void relu(float[] x, int at, float[] out, int outAt, int count) {
        for (int i = 0; i < count; i += LANES) {
            FloatVector v = load(x, at + i);
            v.blend(0, v.lt(0)).intoArray(out, outAt + i);
        }
    }

    @Override
    public void derivative(Activation f, MemorySegment x, long offset, MemorySegment out, long outOffset, long length) {
        FloatSpan.map(
                FloatSpan.of(x, offset, length),
                FloatSpan.of(out, outOffset, length),
                length,
                (values, at, results, outAt, count) -> {
                    int whole = count - count % LANES;
                    switch (f) {
                        case SILU -> siluSlope(values, at, results, outAt, whole);
                        case GELU_TANH -> geluTanhSlope(values, at, results, outAt, whole);
                        case GELU_ERF -> geluErfSlope(values, at, results, outAt, whole);
                        case RELU -> reluSlope(values, at, results, outAt, whole);
                    }
                    for (int i = whole; i < count; i++) {
                        results[outAt + i] = ScalarActivations.slope(f, values[at + i]);
                    }
                });
    }

    private static void siluSlope(float[] x, int at, float[] out, int outAt, int count) {
        FloatVector one = FloatVector.broadcast(FLOATS, 1);
        for (int i = 0; i < count; i += LANES) {
            FloatVector v = load(x, at + i);
            FloatVector s = sigmoid(v);
            v.mul(s).fma(one.sub(s), s).intoArray(out, outAt + i);
        }
    }

    private static void geluTanhSlope(float[] x, int at, float[] out, int outAt, int count) {
        FloatVector one = FloatVector.broadcast(FLOATS, 1);
        for (int i = 0; i < count; i += LANES) {
            FloatVector v = load(x, at + i);
            FloatVector s = sigmoid(geluArgument(v));
            FloatVector inner = v.mul(v)
                    .fma(FloatVector.broadcast(FLOATS, 3 * GELU_CUBE), one)
                    .mul(GELU_SCALE);
            v.mul(s).mul(one.sub(s)).fma(inner, s).intoArray(out, outAt + i);
        }
    }

    private static void geluErfSlope(float[] x, int at, float[] out, int outAt, int count) {
        for (int i = 0; i < count; i += LANES) {
            FloatVector v = load(x, at + i);
            FloatVector density = exp(v.mul(v).mul(-0.5f));
            v.mul(NORMAL_DENSITY).fma(density, normal(v)).intoArray(out, outAt + i);
        }
    }

    private static void reluSlope(float[] x, int at, float[] out, int outAt, int count) {
        for (int i = 0; i < count; i += LANES) {
            FloatVector v = load(x, at + i);
            FloatVector.zero(FLOATS).blend(1, v.compare(VectorOperators.GT, 0)).intoArray(out, outAt + i);
        }
    }
}
