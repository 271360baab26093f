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

/** y = W x with sums of codewords, 4096 x 4096, one thread: through tables of products, or through decoded rows where those are faster. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 4, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(2)
public class AdditiveBenchmark {
    /** Rows and columns. */
    static final int SIZE = 4096;

    /** One bit, two bits in two ways, and codebooks too large for tables. */
    @Param({"aq1x8-g8-row-f16", "aq2x8-g8-row-f16", "aq1x8-g4-row-f16", "aq1x12-g8-row-f16"})
    public String format;

    private FloatMatrix x;
    private FloatMatrix y;
    private QuantizedMatrix matrix;

    /** Checks the product against sums in double over the dequantized matrix. */
    @Setup
    public void setUp() {
        x = Inputs.gaussian("vector", 1, SIZE);
        y = FloatMatrix.allocate(1, SIZE);
        try (FloatMatrix weights = FloatMatrix.allocate(SIZE, SIZE)) {
            matrix = SampleMatrices.of(format, weights, Workers.serial());
            matrix.dequantize(0, weights, Workers.serial());
            multiply();
            Checks.vectorProduct(weights, x, y);
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
}
