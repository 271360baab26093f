package dev.lowbit.bench;

import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.block.BlockMatrix;
import dev.lowbit.matrix.block.BlockQuantizer;
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

/** Floats to codes and block scales, 4096 x 4096, one thread. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 4, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(2)
public class QuantizeBenchmark {
    /** Rows and columns. */
    static final int SIZE = 4096;

    /** The first is NF4 with double quantization as the paper has it. */
    @Param({"nf4-g64-s8x256-fp32", "nf3-g64-s8x256-fp32", "nf2-g64-s8x256-fp32"})
    public String format;

    private FloatMatrix weights;
    private BlockFormat blocks;

    /** Checks every code against the codebook's own choice. */
    @Setup
    public void setUp() {
        weights = Inputs.gaussian("quantize", SIZE, SIZE);
        blocks = BlockFormat.parse(format);
        Checks.quantized(weights, quantize());
    }

    /** Frees the memory. */
    @TearDown
    public void tearDown() {
        weights.close();
    }

    /** Codes, scale codes and super-scales, packed. */
    @Benchmark
    public BlockMatrix quantize() {
        return BlockQuantizer.quantize(weights, blocks, Workers.serial());
    }
}
