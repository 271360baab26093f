package dev.lowbit.bench;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gram;
import dev.lowbit.sketchtune.LayerSketch;
import dev.lowbit.sketchtune.LayerSketcher;
import dev.lowbit.sketchtune.SketchSettings;
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

/** A sketch of a 1024 x 1024 matrix, one group a row, from weights and second moment to tables and codes. */
@State(Scope.Thread)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 8)
@Measurement(iterations = 5)
@Fork(1)
public class SketchBenchmark {
    private static final int SIZE = 1024;
    private static final double CORRELATION = 0.9;

    /** Threads that rows may use. */
    @Param({"1", "2"})
    public int threads;

    /** Bits of a code. */
    @Param({"2", "4"})
    public int bits;

    /** How often tables are solved at most: 0 is clusters and sweep, the original's steps; 8 is what the method does. */
    @Param({"0", "1", "8"})
    public int refits;

    private FloatMatrix weights;
    private FloatMatrix inputs;
    private double[] moment;
    private SketchSettings settings;
    private ExecutorService executor;
    private Workers workers;

    /** Inputs whose correlation falls with the distance; checks the error against that of the original's recipe. */
    @Setup
    public void setUp() {
        executor = Executors.newFixedThreadPool(threads);
        workers = Workers.on(executor, threads);
        weights = Inputs.gaussian("sketch", SIZE, SIZE);
        inputs = correlated();
        moment = Gram.of(inputs, true, workers);
        settings = SketchSettings.of(bits, 1).withRefits(refits);
        double ours = sketch().error(weights, inputs, workers);
        double original = LayerSketcher.sketch(weights, moment, SIZE, SketchSettings.published(bits), workers)
                .error(weights, inputs, workers);
        Checks.require(ours < original, "our error is " + ours + ", the original's " + original);
    }

    /** x_j = c x_{j-1} + noise. */
    private static FloatMatrix correlated() {
        FloatMatrix x = Inputs.gaussian("sketch inputs", 2 * SIZE, SIZE);
        float noise = (float) Math.sqrt(1 - CORRELATION * CORRELATION);
        for (int t = 0; t < x.rows(); t++) {
            for (int j = 1; j < SIZE; j++) {
                x.set(t, j, (float) (CORRELATION * x.get(t, j - 1)) + noise * x.get(t, j));
            }
        }
        return x;
    }

    /** Frees the memory and the threads. */
    @TearDown
    public void tearDown() {
        weights.close();
        inputs.close();
        executor.shutdown();
    }

    /** From weights and second moment to tables and codes. */
    @Benchmark
    public LayerSketch sketch() {
        return LayerSketcher.sketch(weights, moment, inputs.rows(), settings, workers);
    }
}
