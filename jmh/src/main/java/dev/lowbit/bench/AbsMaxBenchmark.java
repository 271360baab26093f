package dev.lowbit.bench;

import dev.lowbit.kernel.Kernels;
import dev.lowbit.tensor.FloatMatrix;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** The largest magnitude of 4096 x 4096 floats, one thread. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 4, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(2)
public class AbsMaxBenchmark {
    private static final int SIZE = 4096;

    private FloatMatrix weights;

    /** Checks the result against a plain loop. */
    @Setup
    public void setUp() {
        weights = Inputs.gaussian("quantize", SIZE, SIZE);
        float largest = 0;
        for (int i = 0; i < SIZE; i++) {
            for (int j = 0; j < SIZE; j++) {
                largest = Math.max(largest, Math.abs(weights.get(i, j)));
            }
        }
        Checks.require(absMax() == largest, "absmax is " + absMax() + ", expected " + largest);
    }

    /** Frees the memory. */
    @TearDown
    public void tearDown() {
        weights.close();
    }

    /** Reads everything once. */
    @Benchmark
    public float absMax() {
        return Kernels.get().absMax(weights.segment(), 0, weights.size());
    }
}
