package dev.lowbit.bench;

import dev.lowbit.jobs.bench.SampleMatrices;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.QuantizedMatrix;
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

/** y = W x with packed weights that are never expanded, 4096 x 4096, one thread, reproducible kernels. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 4, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(2)
public class GemvBenchmark {
    /** Rows and columns. */
    static final int SIZE = 4096;

    /** Two, three and four bits, in blocks with scales and with a table for each row; integers, and 16-bit floats. */
    @Param({
        "bf16",
        "affine2-g64-f16",
        "affine4-g128-f16",
        "affine8-g128-f16",
        "nf2-g64-s8x256-fp32",
        "nf3-g64-s8x256-fp32",
        "nf4-g64-s8x256-fp32",
        "sketch2-r1-f16",
        "sketch3-r1-f16",
        "sketch4-r1-f16"
    })
    public String format;

    private FloatMatrix x;
    private FloatMatrix y;
    private QuantizedMatrix matrix;

    /** Checks both products against sums in double over the dequantized matrix. */
    @Setup
    public void setUp() {
        try (FloatMatrix weights = SampleMatrices.gaussian(SIZE, SIZE)) {
            matrix = SampleMatrices.of(format, weights, Workers.serial());
            matrix.dequantize(0, weights, Workers.serial());
            x = Inputs.gaussian("vector", 1, SIZE);
            y = FloatMatrix.allocate(1, SIZE);
            multiply();
            Checks.vectorProduct(weights, x, y);
            multiplyTransposed();
            Checks.product(x, weights, y, 1);
        }
    }

    /** Frees the memory. */
    @TearDown
    public void tearDown() {
        x.close();
        y.close();
    }

    /** y = W x. */
    @Benchmark
    public void multiply() {
        matrix.multiply(x, y, Workers.serial());
    }

    /** y = Wᵀ x, the product of the backward pass. */
    @Benchmark
    public void multiplyTransposed() {
        matrix.multiplyTransposed(x, y, Workers.serial());
    }
}
