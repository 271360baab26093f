package dev.lowbit.bench;

import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.lqlora.Decomposition;
import dev.lowbit.lqlora.LqDecomposer;
import dev.lowbit.lqlora.LqSettings;
import dev.lowbit.lqlora.Stopping;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.sum.FactorFormat;
import dev.lowbit.tensor.FloatMatrix;
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
 * LQ decomposition at rank 64 on one thread: the time until the error is at most {@value #ENOUGH} of the best of 20 plain
 * alternations, whatever they cost. How many alternations that takes is found before measuring.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 1)
@Measurement(iterations = 3)
@Fork(1)
public class DecomposeBenchmark {
    private static final int RANK = 64;
    private static final int PLAIN_ALTERNATIONS = 20;
    private static final double ENOUGH = 1.002;
    private static final long SEED = 1;

    /** Rows and columns. */
    @Param({"1024", "4096"})
    public int size;

    /** How the quantized part is stored. */
    @Param("nf3-g64-s8x256-fp32")
    public String format;

    private FloatMatrix weights;
    private double target;
    private LqSettings settings;

    /** Runs the plain algorithm for the error to reach, then looks how many of ours reach it. */
    @Setup
    public void setUp() {
        weights = Inputs.gaussian("decompose", size, size);
        BlockFormat base = BlockFormat.parse(format);
        LqSettings plain = LqSettings.paper(base, RANK).with(new Stopping.WhenRising(PLAIN_ALTERNATIONS));
        target = ENOUGH * decompose(plain).bestError();
        LqSettings fast = LqSettings.fast(base, RANK, FactorFormat.F32, PLAIN_ALTERNATIONS);
        double[] errors = decompose(fast).errors();
        int needed = 1;
        while (needed <= errors.length && errors[needed - 1] > target) {
            needed++;
        }
        Checks.require(
                needed <= errors.length,
                "no error of ours reached " + target + ": " + java.util.Arrays.toString(errors));
        System.out.println("alternations to " + ENOUGH + " of the plain error: " + needed);
        settings = LqSettings.fast(base, RANK, FactorFormat.F32, needed);
        Checks.require(decompose().bestError() <= target, "the shortened run ends above " + target);
    }

    /** Frees the memory. */
    @TearDown
    public void tearDown() {
        weights.close();
    }

    private Decomposition decompose(LqSettings how) {
        return LqDecomposer.decompose("benchmark", weights, Importance.uniform(), how, SEED, Workers.serial());
    }

    /** From weights to the best state. */
    @Benchmark
    public Decomposition decompose() {
        return decompose(settings);
    }
}
