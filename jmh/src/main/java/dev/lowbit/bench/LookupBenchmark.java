package dev.lowbit.bench;

import dev.lowbit.jobs.bench.SampleMatrices;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.Accuracy;
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

/** y = W x by lookup, 4096 x 4096, one thread: the same matrix again and again, which a large cache holds, or one after another of many, which it does not. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 4, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(3)
public class LookupBenchmark {
    /** Rows and columns. */
    static final int SIZE = 4096;

    /** Of the root of the sum of the squares of a row's terms: ten times what was measured at 2 to 4 bits. */
    private static final double ERROR = 0.2;

    @Param({
        "nf2-g64-s8x256-bf16",
        "nf3-g64-s8x256-bf16",
        "nf4-g64-s8x256-bf16",
        "affine2-g64-f16",
        "affine4-g128-f16",
        "aq2x8-g8-row-bf16"
    })
    public String format;

    /** Matrices that are multiplied in turn. */
    @Param({"1", "24"})
    public int matrices;

    private FloatMatrix x;
    private FloatMatrix y;
    private QuantizedMatrix[] prepared;
    private int next;

    /** Checks the product against sums in double over the dequantized matrix. */
    @Setup
    public void setUp() {
        try (FloatMatrix weights = SampleMatrices.gaussian(SIZE, SIZE)) {
            QuantizedMatrix matrix = SampleMatrices.of(format, weights, Workers.serial());
            prepared = new QuantizedMatrix[matrices];
            for (int i = 0; i < matrices; i++) {
                prepared[i] = matrix.prepare(Accuracy.FAST, Workers.serial());
            }
            // sums of codewords have such a product only where bytes are looked up in all of 512 bits; elsewhere what
            // users get is measured
            Checks.require(
                    format.startsWith("aq") || prepared[0].accuracy() == Accuracy.FAST,
                    "no products by lookup of " + format + " on this machine");
            matrix.dequantize(0, weights, Workers.serial());
            x = Inputs.gaussian("vector", 1, SIZE);
            y = FloatMatrix.allocate(1, SIZE);
            multiply();
            Checks.vectorProduct(weights, x, y, ERROR);
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
        prepared[next].multiply(x, y, Workers.serial());
        next = next + 1 == matrices ? 0 : next + 1;
    }
}
