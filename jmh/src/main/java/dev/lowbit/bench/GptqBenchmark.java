package dev.lowbit.bench;

import dev.lowbit.int2lrec.AffineGrid;
import dev.lowbit.int2lrec.Gptq;
import dev.lowbit.int2lrec.GptqResult;
import dev.lowbit.int2lrec.GptqSettings;
import dev.lowbit.int2lrec.LayerError;
import dev.lowbit.int2lrec.RoundToNearest;
import dev.lowbit.int2lrec.SecondMoment;
import dev.lowbit.kernel.Workers;
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

/** A 1024 x 1024 matrix quantized by GPTQ to 2 bits in groups of 128: factorization, sweep, measured error and self-check. */
@State(Scope.Thread)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 8)
@Measurement(iterations = 5)
@Fork(1)
public class GptqBenchmark {
    private static final int SIZE = 1024;
    private static final int GROUP_SIZE = 128;
    private static final double CORRELATION = 0.9;

    /** Threads that the sweep may use. */
    @Param({"1", "2"})
    public int threads;

    /** Whether grids are searched for. */
    @Param({"false", "true"})
    public boolean search;

    private FloatMatrix weights;
    private SecondMoment moment;
    private GptqSettings settings;
    private ExecutorService executor;
    private Workers workers;

    /** Inputs whose correlation falls with the distance; checks that GPTQ beats rounding and that its error is that of its result. */
    @Setup
    public void setUp() {
        executor = Executors.newFixedThreadPool(threads);
        workers = Workers.on(executor, threads);
        weights = Inputs.gaussian("gptq", SIZE, SIZE);
        double[] values = new double[SIZE * SIZE];
        for (int i = 0; i < SIZE; i++) {
            for (int j = 0; j < SIZE; j++) {
                values[i * SIZE + j] = SIZE * StrictMath.pow(CORRELATION, Math.abs(i - j));
            }
        }
        moment = new SecondMoment(SIZE, values, SIZE, 1);
        AffineGrid grid = search ? AffineGrid.of(2).searching() : AffineGrid.of(2);
        settings = GptqSettings.published(grid, GROUP_SIZE);
        try (FloatMatrix residual = FloatMatrix.allocate(SIZE, SIZE)) {
            RoundToNearest.quantize(weights, GROUP_SIZE, grid, workers).residual(weights, residual, workers);
            double rounded = LayerError.of(residual, moment, workers);
            GptqResult result = quantize();
            result.codes().residual(weights, residual, workers);
            double swept = LayerError.of(residual, moment, workers);
            Checks.close(result.layerError(), swept, 1e-6 * swept, "the error of the matrix");
            Checks.require(swept < rounded / 2, "GPTQ left " + swept + " of " + rounded);
        }
    }

    /** Frees the memory and the threads. */
    @TearDown
    public void tearDown() {
        weights.close();
        executor.shutdown();
    }

    /** From weights and second moment to codes. */
    @Benchmark
    public GptqResult quantize() {
        return Gptq.quantize(weights, moment, settings, workers);
    }
}
