package dev.lowbit.bench;

import dev.lowbit.kernel.Workers;
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
    private LookupProducts products;

    /** Starts a thread, makes the matrices, and checks the product. */
    @Setup
    public void setUp() {
        executor = Executors.newFixedThreadPool(THREADS - 1);
        products = new LookupProducts(format, MATRICES, Workers.on(executor, THREADS));
    }

    /** Frees the memory and the thread. */
    @TearDown
    public void tearDown() {
        products.close();
        executor.shutdown();
    }

    /** y = W x. */
    @Benchmark
    public void multiply() {
        products.multiply();
    }
}
