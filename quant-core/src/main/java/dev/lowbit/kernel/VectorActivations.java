package dev.lowbit.kernel;

import static dev.lowbit.kernel.ScalarActivations.*;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** The SIMD form of {@link ScalarActivations}: the same operations in the same order, a lane for each value. */
public final class VectorActivations implements Activations {
    private static final VectorSpecies<Float> FLOATS = VectorWidth.floats();
    private static final int LANES = FLOATS.length();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final ScalarActivations SCALAR = new ScalarActivations();

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

    private static FloatVector load(MemorySegment x, long index) {
        return FloatVector.fromMemorySegment(FLOATS, x, index * Float.BYTES, ORDER);
    }

    private static void store(FloatVector value, MemorySegment out, long index) {
        value.intoMemorySegment(out, index * Float.BYTES, ORDER);
    }

    @Override
    public float max(MemorySegment x, long offset, long length) {
        FloatVector max = FloatVector.broadcast(FLOATS, Float.NEGATIVE_INFINITY);
        long whole = length - length % LANES;
        for (long i = 0; i < whole; i += LANES) {
            max = max.max(load(x, offset + i));
        }
        float body = whole == 0 ? Float.NEGATIVE_INFINITY : max.reduceLanes(VectorOperators.MAX);
        return Math.max(body, SCALAR.max(x, offset + whole, length - whole));
    }

    @Override
    public void exp(MemorySegment x, long offset, float minus, MemorySegment out, long outOffset, long length) {
        long whole = length - length % LANES;
        for (long i = 0; i < whole; i += LANES) {
            store(exp(load(x, offset + i).sub(minus)), out, outOffset + i);
        }
        SCALAR.exp(x, offset + whole, minus, out, outOffset + whole, length - whole);
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
        long whole = length - length % LANES;
        for (long i = 0; i < whole; i += LANES) {
            store(load(a, aOffset + i).mul(load(b, bOffset + i)), out, outOffset + i);
        }
        SCALAR.multiply(a, aOffset + whole, b, bOffset + whole, out, outOffset + whole, length - whole);
    }

    @Override
    public void apply(Activation f, MemorySegment x, long offset, MemorySegment out, long outOffset, long length) {
        long whole = length - length % LANES;
        switch (f) {
            case SILU -> {
                for (long i = 0; i < whole; i += LANES) {
                    FloatVector v = load(x, offset + i);
                    store(v.mul(sigmoid(v)), out, outOffset + i);
                }
            }
            case GELU_TANH -> {
                for (long i = 0; i < whole; i += LANES) {
                    FloatVector v = load(x, offset + i);
                    store(v.mul(sigmoid(geluArgument(v))), out, outOffset + i);
                }
            }
            case GELU_ERF -> {
                for (long i = 0; i < whole; i += LANES) {
                    FloatVector v = load(x, offset + i);
                    store(v.mul(normal(v)), out, outOffset + i);
                }
            }
            case RELU -> {
                for (long i = 0; i < whole; i += LANES) {
                    FloatVector v = load(x, offset + i);
                    store(v.blend(0, v.lt(0)), out, outOffset + i);
                }
            }
        }
        SCALAR.apply(f, x, offset + whole, out, outOffset + whole, length - whole);
    }

    @Override
    public void derivative(Activation f, MemorySegment x, long offset, MemorySegment out, long outOffset, long length) {
        long whole = length - length % LANES;
        FloatVector one = FloatVector.broadcast(FLOATS, 1);
        switch (f) {
            case SILU -> {
                for (long i = 0; i < whole; i += LANES) {
                    FloatVector v = load(x, offset + i);
                    FloatVector s = sigmoid(v);
                    store(v.mul(s).fma(one.sub(s), s), out, outOffset + i);
                }
            }
            case GELU_TANH -> {
                for (long i = 0; i < whole; i += LANES) {
                    FloatVector v = load(x, offset + i);
                    FloatVector s = sigmoid(geluArgument(v));
                    FloatVector inner = v.mul(v)
                            .fma(FloatVector.broadcast(FLOATS, 3 * GELU_CUBE), one)
                            .mul(GELU_SCALE);
                    store(v.mul(s).mul(one.sub(s)).fma(inner, s), out, outOffset + i);
                }
            }
            case GELU_ERF -> {
                for (long i = 0; i < whole; i += LANES) {
                    FloatVector v = load(x, offset + i);
                    FloatVector density = exp(v.mul(v).mul(-0.5f));
                    store(v.mul(NORMAL_DENSITY).fma(density, normal(v)), out, outOffset + i);
                }
            }
            case RELU -> {
                for (long i = 0; i < whole; i += LANES) {
                    FloatVector v = load(x, offset + i);
                    store(FloatVector.zero(FLOATS).blend(1, v.compare(VectorOperators.GT, 0)), out, outOffset + i);
                }
            }
        }
        SCALAR.derivative(f, x, offset + whole, out, outOffset + whole, length - whole);
    }
}
