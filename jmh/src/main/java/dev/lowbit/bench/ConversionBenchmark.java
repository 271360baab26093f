package dev.lowbit.bench;

import dev.lowbit.kernel.Conversions;
import dev.lowbit.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** Stored formats to 32-bit floats, 4 Mi values: what opening a checkpoint costs. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 4, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(2)
public class ConversionBenchmark {
    /** Values per call. */
    static final int COUNT = 4 << 20;

    /** The stored type. */
    @Param({"F16", "BF16", "F8_E4M3"})
    public DType type;

    private Arena arena;
    private MemorySegment source;
    private MemorySegment target;

    /** Fills the source with every bit pattern in turn and checks all results against the definition of the format. */
    @Setup
    public void setUp() {
        arena = Arena.ofShared();
        source = arena.allocate((long) COUNT * type.bytes(), 64);
        target = arena.allocate((long) COUNT * Float.BYTES, 64);
        for (int i = 0; i < COUNT; i++) {
            if (type.bytes() == 1) {
                source.set(ValueLayout.JAVA_BYTE, i, (byte) i);
            } else {
                source.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) i);
            }
        }
        widen();
        for (int i = 0; i < COUNT; i++) {
            float expected = expected(i);
            float actual = target.getAtIndex(ValueLayout.JAVA_FLOAT, i);
            Checks.require(
                    Float.isNaN(expected) ? Float.isNaN(actual) : actual == expected,
                    type + " pattern " + i + " became " + actual + ", expected " + expected);
        }
    }

    private float expected(int i) {
        return switch (type) {
            case F16 -> Float.float16ToFloat((short) i);
            case BF16 -> Float.intBitsToFloat(i << 16);
            default -> e4m3(i & 0xff);
        };
    }

    private static float e4m3(int bits) {
        int exponent = bits >> 3 & 0xf;
        int mantissa = bits & 7;
        if ((bits & 0x7f) == 0x7f) {
            return Float.NaN;
        }
        float magnitude = exponent == 0 ? Math.scalb(mantissa, -9) : Math.scalb(8 + mantissa, exponent - 10);
        return bits < 128 ? magnitude : -magnitude;
    }

    /** Frees the memory. */
    @TearDown
    public void tearDown() {
        arena.close();
    }

    /** To floats. */
    @Benchmark
    public void widen() {
        Conversions.get().widen(type, source, 0, target, 0, COUNT);
    }
}
