package dev.lowbit.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The activation kernels: the SIMD form bit for bit against the scalar one, that one against StrictMath. */
@Tag("kernels")
class ActivationsTest {
    private static final float[] ODD = {
        0f,
        -0f,
        1f,
        -1f,
        88f,
        89f,
        1e30f,
        -87f,
        -87.1f,
        -1e30f,
        Float.MIN_VALUE,
        Float.NaN,
        Float.POSITIVE_INFINITY,
        Float.NEGATIVE_INFINITY,
        0.3466f,
        -0.3466f,
        5.5f
    };

    private final Activations scalar = new ScalarActivations();
    private final Activations vector = new VectorActivations();

    private static float[] values(int length) {
        float[] values = new float[length];
        for (int i = 0; i < length; i++) {
            values[i] = i < ODD.length ? ODD[i] : (float) (StrictMath.sin(i * 12.9898) * (i % 7 == 0 ? 80 : 6));
        }
        return values;
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 15, 16, 17, 33, 1000})
    void everyWidthGivesTheBitsOfTheScalarForm(int length) {
        MemorySegment x = MemorySegment.ofArray(values(length + 3));
        for (int offset = 0; offset < 3; offset++) {
            float[] expected = new float[length + 5];
            float[] actual = new float[length + 5];
            scalar.exp(x, offset, 0.25f, MemorySegment.ofArray(expected), 2, length);
            vector.exp(x, offset, 0.25f, MemorySegment.ofArray(actual), 2, length);
            assertThat(actual).isEqualTo(expected);
            assertThat(vector.max(x, offset, length)).isEqualTo(Float.valueOf(scalar.max(x, offset, length)));
            scalar.multiply(x, offset, x, 0, MemorySegment.ofArray(expected), 2, length);
            vector.multiply(x, offset, x, 0, MemorySegment.ofArray(actual), 2, length);
            assertThat(actual).isEqualTo(expected);
            for (Activation f : Activation.values()) {
                scalar.apply(f, x, offset, MemorySegment.ofArray(expected), 1, length);
                vector.apply(f, x, offset, MemorySegment.ofArray(actual), 1, length);
                assertThat(actual).as("%s", f).isEqualTo(expected);
                scalar.derivative(f, x, offset, MemorySegment.ofArray(expected), 1, length);
                vector.derivative(f, x, offset, MemorySegment.ofArray(actual), 1, length);
                assertThat(actual).as("%s'", f).isEqualTo(expected);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(MemoryKind.class)
    void bitsDoNotDependOnWhereOperandsLie(MemoryKind kind) {
        try (Arena arena = Arena.ofConfined()) {
            for (int length : new int[] {0, 17, 1024, 2051}) {
                MemorySegment x = MemorySegment.ofArray(values(length + 3));
                MemorySegment x2 = kind.copy(x, arena);
                for (int step = 0; step < MemoryKind.values().length; step++) {
                    MemorySegment expected = MemorySegment.ofArray(new float[length + 3]);
                    MemorySegment actual = kind.next(step).floats(length + 3, arena);
                    scalar.exp(x, 1, 0.25f, expected, 2, length);
                    vector.exp(x2, 1, 0.25f, actual, 2, length);
                    assertThat(floats(actual)).isEqualTo(floats(expected));
                    scalar.multiply(x, 1, expected, 2, expected, 2, length);
                    vector.multiply(x2, 1, actual, 2, actual, 2, length);
                    assertThat(floats(actual)).isEqualTo(floats(expected));
                    assertThat(vector.max(x2, 1, length)).isEqualTo(Float.valueOf(scalar.max(x, 1, length)));
                    for (Activation f : Activation.values()) {
                        scalar.apply(f, x, 3, expected, 1, length);
                        vector.apply(f, x2, 3, actual, 1, length);
                        scalar.derivative(f, expected, 2, expected, 2, length);
                        vector.derivative(f, actual, 2, actual, 2, length);
                        assertThat(floats(actual)).as("%s", f).isEqualTo(floats(expected));
                    }
                }
            }
        }
    }

    private static float[] floats(MemorySegment segment) {
        return segment.toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    }

    @Test
    void exponentialIsWithinItsStatedError() {
        float[] x = new float[200_001];
        float[] y = new float[x.length];
        for (int i = 0; i < x.length; i++) {
            x[i] = -87 + i * (175f / (x.length - 1));
        }
        vector.exp(MemorySegment.ofArray(x), 0, 0, MemorySegment.ofArray(y), 0, x.length);
        for (int i = 0; i < x.length; i++) {
            double exact = StrictMath.exp(x[i]);
            assertThat(Math.abs(y[i] / exact - 1)).as("e^%s", x[i]).isLessThan(2.5e-7);
        }
    }

    @Test
    void exponentialOfWhatIsOutOfRange() {
        float[] x = {-87.5f, -1e9f, Float.NEGATIVE_INFINITY, 1000, Float.POSITIVE_INFINITY, Float.NaN};
        scalar.exp(MemorySegment.ofArray(x), 0, 0, MemorySegment.ofArray(x), 0, x.length);
        float largest = (float) StrictMath.exp(88);
        assertThat(x[0]).isZero();
        assertThat(x[1]).isZero();
        assertThat(x[2]).isZero();
        assertThat(x[3]).isCloseTo(largest, org.assertj.core.data.Percentage.withPercentage(1e-4));
        assertThat(x[4]).isEqualTo(x[3]);
        assertThat(x[5]).isNaN();
    }

    @ParameterizedTest
    @EnumSource(Activation.class)
    void valuesAndSlopesAreThoseOfTheFormulas(Activation f) {
        float[] x = new float[4001];
        float[] value = new float[x.length];
        float[] slope = new float[x.length];
        for (int i = 0; i < x.length; i++) {
            x[i] = (i - 2000) * 0.005f + 0.001f;
        }
        vector.apply(f, MemorySegment.ofArray(x), 0, MemorySegment.ofArray(value), 0, x.length);
        vector.derivative(f, MemorySegment.ofArray(x), 0, MemorySegment.ofArray(slope), 0, x.length);
        double step = 1e-5;
        for (int i = 0; i < x.length; i++) {
            // a few roundings of numbers up to 10, and 10 times the error function's 5e-7
            assertThat(Math.abs(value[i] - exact(f, x[i]))).as("f(%s)", x[i]).isLessThan(6e-6);
            double difference = (exact(f, x[i] + step) - exact(f, x[i] - step)) / (2 * step);
            assertThat(Math.abs(slope[i] - difference)).as("f'(%s)", x[i]).isLessThan(6e-6);
        }
    }

    private static double exact(Activation f, double x) {
        return switch (f) {
            case SILU -> x / (1 + StrictMath.exp(-x));
            case GELU_TANH ->
                0.5 * x * (1 + StrictMath.tanh(StrictMath.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
            case GELU_ERF -> x * normal(x);
            case RELU -> Math.max(x, 0);
        };
    }

    /** Φ(x) = 1/2 + φ(x) Σ x^(2k+1) / (1·3·5···(2k+1)). */
    private static double normal(double x) {
        double term = x;
        double sum = x;
        for (int k = 1; k < 300; k++) {
            term *= x * x / (2 * k + 1);
            sum += term;
        }
        return 0.5 + sum * StrictMath.exp(-x * x / 2) / StrictMath.sqrt(2 * Math.PI);
    }
}
