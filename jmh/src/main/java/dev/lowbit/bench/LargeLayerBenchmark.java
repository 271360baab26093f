package dev.lowbit.bench;

import dev.lowbit.kernel.Workers;
import dev.lowbit.pvtuning.LayerWork;
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

/**
 * A layer of the size of large models, 4096 x 4096, quantized on two threads as {@link LayerBenchmark} does: once, because it takes a minute or two. Short
 * runs take a small one in its place.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 0)
@Measurement(iterations = 1)
@Fork(value = 1, jvmArgsAppend = "-Xmx5g")
public class LargeLayerBenchmark {
    private static final int THREADS = 2;

    /** Rows and columns. */
    @Param("4096")
    public int size;

    private ExecutorService executor;
    private LayerWork layer;

    /** Makes the layer. */
    @Setup
    public void setUp() {
        executor = Executors.newFixedThreadPool(THREADS);
        layer = LayerInputs.layer(size, Workers.on(executor, THREADS));
    }

    /** Ends the threads. */
    @TearDown
    public void tearDown() {
        executor.shutdown();
    }

    /** From weights and second moment to codes, codewords and scales. */
    @Benchmark
    public double quantize() {
        double error = layer.quantize();
        System.out.println("relative error: " + error);
        Checks.require(error > 0 && error < 0.1, "an error of " + error);
        return error;
    }
}
