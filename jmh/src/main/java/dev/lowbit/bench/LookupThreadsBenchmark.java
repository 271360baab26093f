package dev.lowbit.bench;

import dev.lowbit.jobs.bench.SampleMatrices;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.Accuracy;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.FloatMatrix;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
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

/** y = W x by lookup on two threads, 4096 x 4096, one after another of as many matrices as no cache holds. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 4, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(3)
public class LookupThreadsBenchmark {
    private static final int THREADS = 2;
    private static final int MATRICES = 24;

    @Param({"nf2-g64-s8x256-bf16", "affine4-g128-f16"})
    public String format;

    private ExecutorService executor;
    private Workers workers;
    private FloatMatrix x;
    private FloatMatrix y;
    private QuantizedMatrix[] prepared;
    private int next;

    /** Checks that the product is that of one thread, which {@link LookupBenchmark} holds against the reference. */
    @Setup
    public void setUp() {
        executor = Executors.newFixedThreadPool(THREADS - 1);
        workers = Workers.on(executor, THREADS);
        int size = LookupBenchmark.SIZE;
        x = Inputs.gaussian("vector", 1, size);
        y = FloatMatrix.allocate(1, size);
        try (FloatMatrix weights = SampleMatrices.gaussian(size, size);
                FloatMatrix expected = FloatMatrix.allocate(1, size)) {
            QuantizedMatrix matrix = SampleMatrices.of(format, weights, workers);
            prepared = new QuantizedMatrix[MATRICES];
            for (int i = 0; i < MATRICES; i++) {
                prepared[i] = matrix.prepare(Accuracy.FAST, workers);
            }
            Checks.require(
                    prepared[0].accuracy() == Accuracy.FAST, "no products by lookup of " + format + " on this machine");
            matrix.prepare(Accuracy.FAST, Workers.serial()).multiply(x, expected, Workers.serial());
            multiply();
            for (int i = 0; i < size; i++) {
                Checks.require(y.get(0, i) == expected.get(0, i), "another product than of one thread at " + i);
            }
        }
    }

    /** Frees the memory and the threads. */
    @TearDown
    public void tearDown() {
        x.close();
        y.close();
        executor.shutdown();
    }

    /** y = W x. */
    @Benchmark
    public void multiply() {
        prepared[next].multiply(x, y, workers);
        next = next + 1 == MATRICES ? 0 : next + 1;
    }
}
