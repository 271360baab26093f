package dev.lowbit.bench;

import dev.lowbit.int2lrec.AffineGrid;
import dev.lowbit.int2lrec.LowRankCorrection;
import dev.lowbit.int2lrec.LowRankSettings;
import dev.lowbit.int2lrec.RoundToNearest;
import dev.lowbit.int2lrec.SecondMoment;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gemm;
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

/** The correction of rank 32 of a 4096 x 4096 matrix rounded to 2 bits, in closed form; its errors are measured too. */
@State(Scope.Thread)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 1)
@Measurement(iterations = 3)
@Fork(1)
public class CorrectionBenchmark {
    private static final int SIZE = 4096;
    private static final int TOKENS = 6144;
    private static final int RANK = 32;
    private static final int DIRECTIONS = 16;

    /** Threads that may be used. */
    @Param({"1", "2"})
    public int threads;

    private FloatMatrix residual;
    private SecondMoment moment;
    private ExecutorService executor;
    private Workers workers;

    /**
     * Inputs that share a few directions, as activations do; checks that nearly all of what they cost is corrected, and that many more
     * power steps gain under 1 %.
     */
    @Setup
    public void setUp() {
        executor = Executors.newFixedThreadPool(threads);
        workers = Workers.on(executor, threads);
        try (FloatMatrix inputs = Inputs.gaussian("tokens", TOKENS, SIZE);
                FloatMatrix common = Inputs.gaussian("common", TOKENS, DIRECTIONS);
                FloatMatrix directions = Inputs.gaussian("directions", DIRECTIONS, SIZE)) {
            Gemm.multiply(common, false, directions, false, inputs, Gemm.Mode.ADD, workers);
            moment = SecondMoment.of(inputs, 1, workers);
        }
        residual = FloatMatrix.allocate(SIZE, SIZE);
        try (FloatMatrix weights = Inputs.gaussian("correction", SIZE, SIZE)) {
            RoundToNearest.quantize(weights, 128, AffineGrid.of(2), workers).residual(weights, residual, workers);
        }
        LowRankSettings patient = new LowRankSettings(RANK, true, 0.01, 4 * RANK, 12);
        try (LowRankCorrection best = correct(patient);
                LowRankCorrection ours = correct(LowRankSettings.weighted(RANK))) {
            Checks.require(ours.error() < ours.baseError() / 5, ours.error() + " of " + ours.baseError() + " is left");
            Checks.require(
                    ours.optimum() < 1.01 * best.optimum(), ours.optimum() + " is not within 1 % of " + best.optimum());
        }
    }

    /** Frees the memory and the threads. */
    @TearDown
    public void tearDown() {
        residual.close();
        executor.shutdown();
    }

    private LowRankCorrection correct(LowRankSettings settings) {
        return LowRankCorrection.of(residual, moment, null, settings, Inputs.stream("correction"), workers);
    }

    /** From the residual and the second moment to factors and errors. */
    @Benchmark
    public double correct() {
        try (LowRankCorrection correction = correct(LowRankSettings.weighted(RANK))) {
            return correction.error();
        }
    }
}
