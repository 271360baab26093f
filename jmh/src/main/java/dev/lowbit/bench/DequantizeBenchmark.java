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

/** Packed codes to floats, 4096 x 4096, one thread: the whole matrix is written to memory as in the plain store loop. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 4, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(2)
public class DequantizeBenchmark {
    /** Rows and columns. */
    static final int SIZE = 4096;

    /** Two, three and four bits. */
    @Param({"nf2-g64-s8x256-fp32", "nf3-g64-s8x256-fp32", "nf4-g64-s8x256-fp32"})
    public String format;

    /** Where the floats go: native memory, or an array as Java programs have it. */
    @Param({"native", "array"})
    public String memory;

    private FloatMatrix out;
    private BlockMatrix matrix;

    /** Checks every value: codebook entry times block scale. */
    @Setup
    public void setUp() {
        try (FloatMatrix weights = Inputs.gaussian("dequantize", SIZE, SIZE)) {
            matrix = BlockQuantizer.quantize(weights, BlockFormat.parse(format), Workers.serial());
        }
        out = memory.equals("array")
                ? FloatMatrix.wrap(SIZE, SIZE, new float[SIZE * SIZE])
                : FloatMatrix.allocate(SIZE, SIZE);
        dequantize();
        Checks.dequantized(matrix, out);
    }

    /** Frees the memory. */
    @TearDown
    public void tearDown() {
        out.close();
    }

    /** The whole matrix. */
    @Benchmark
    public void dequantize() {
        matrix.dequantize(0, out, Workers.serial());
    }
}
