package dev.lowbit.bench;

import dev.lowbit.kernel.Workers;
import dev.lowbit.pvtuning.LayerWork;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** The two searches for codewords that a layer's quantization repeats, 1024 x 1024, 256 codewords of 8 weights, one thread, in double. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 4, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
public class CodewordBenchmark {
    private static final double SIZE = LayerInputs.SIZE;

    /** Floating-point operations of {@link #assign}. */
    static final double ASSIGN_OPERATIONS = 2 * SIZE * SIZE * 256;

    /** Of {@link #search}: the scores for both codebooks, and Δ H behind each block. */
    static final double SEARCH_OPERATIONS = 2 * ASSIGN_OPERATIONS + SIZE * SIZE * SIZE;

    private LayerWork layer;

    /** Makes a start; the nearest centroids must be the nearest, and the search must take off half of the loss. */
    @Setup
    public void setUp() {
        layer = LayerInputs.layer(LayerInputs.SIZE, Workers.serial());
        layer.start();
        Checks.close(layer.excess(assign()), 0, 1e-9, "squared distance beyond the nearest centroids");
        double ratio = layer.ratio(search());
        Checks.require(ratio < 0.5, "a beam search left " + ratio + " of the loss");
    }

    /** A round's assignment in k-means. */
    @Benchmark
    public int[] assign() {
        return layer.assign();
    }

    /** Beam search with a beam of 1 over all tiles. */
    @Benchmark
    public int[] search() {
        return layer.search();
    }
}
