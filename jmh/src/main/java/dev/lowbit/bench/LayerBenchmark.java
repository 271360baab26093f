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

/** A 1024 x 1024 layer quantized to 2 codebooks of 256 codewords of 8 weights, with its error at most that of the original. */
@State(Scope.Thread)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 1)
@Measurement(iterations = 3)
@Fork(1)
public class LayerBenchmark {
    /** Of five epochs of AQLM (100 steps of Adam and a beam search each, from its k-means) on these very inputs. */
    private static final double ORIGINAL = 0.03438;

    /** Threads. */
    @Param({"1", "2"})
    public int threads;

    private ExecutorService executor;
    private LayerWork layer;

    /** Makes the layer, and checks the error. */
    @Setup
    public void setUp() {
        executor = Executors.newFixedThreadPool(threads);
        layer = LayerInputs.layer(LayerInputs.SIZE, Workers.on(executor, threads));
        double error = quantize();
        System.out.println("relative error: " + error);
        Checks.require(error <= ORIGINAL, "an error of " + error + ", the original's is " + ORIGINAL);
    }

    /** Ends the threads. */
    @TearDown
    public void tearDown() {
        executor.shutdown();
    }

    /** From weights and second moment to codes, codewords and scales. */
    @Benchmark
    public double quantize() {
        return layer.quantize();
    }
}
