package dev.lowbit.bench;

import dev.lowbit.importance.Importance;
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

/** The error that quantizing would make, 4096 x 4096, one thread: one entry of a cost table. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 4, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(2)
public class PriceBenchmark {
    /** Rows and columns. */
    static final int SIZE = 4096;

    /** How it would be quantized. */
    @Param("nf4-g64-s8x256-fp32")
    public String format;

    private FloatMatrix weights;
    private BlockFormat blocks;

    /** Checks the error against that of the dequantized matrix. */
    @Setup
    public void setUp() {
        weights = Inputs.gaussian("quantize", SIZE, SIZE);
        blocks = BlockFormat.parse(format);
        BlockMatrix q = BlockQuantizer.quantize(weights, blocks, Workers.serial());
        try (FloatMatrix back = FloatMatrix.allocate(SIZE, SIZE)) {
            q.dequantize(0, back, Workers.serial());
            double error = 0;
            for (int i = 0; i < SIZE; i++) {
                for (int j = 0; j < SIZE; j++) {
                    double d = (double) weights.get(i, j) - back.get(i, j);
                    error += d * d;
                }
            }
            // The kernel squares float differences: each is within one rounding of the exact one.
            Checks.close(price(), error, 1e-6 * error, "priced error");
        }
    }

    /** Frees the memory. */
    @TearDown
    public void tearDown() {
        weights.close();
    }

    /** Stores nothing. */
    @Benchmark
    public double price() {
        return BlockQuantizer.squaredError(weights, Importance.uniform(), blocks, Workers.serial());
    }
}
