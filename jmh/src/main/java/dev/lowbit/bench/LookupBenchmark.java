package dev.lowbit.bench;

import dev.lowbit.kernel.Workers;
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

    private LookupProducts products;

    /** Makes the matrices, and checks the product. */
    @Setup
    public void setUp() {
        products = new LookupProducts(format, matrices, Workers.serial());
    }

    /** Frees the memory. */
    @TearDown
    public void tearDown() {
        products.close();
    }

    /** y = W x. */
    @Benchmark
    public void multiply() {
        products.multiply();
    }
}
