package dev.lowbit.bench;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Norms;
import dev.lowbit.lqlora.LqLora;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.method.MatrixJob;
import dev.lowbit.tensor.FloatMatrix;
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
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * A whole matrix, end to end, as a user compresses it: price every format and rank, choose within 2.75 bits, decompose, pack.
 * 1024 x 1024 with a planted low-rank part, one thread.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 1)
@Measurement(iterations = 3)
@Fork(1)
public class CompressBenchmark {
    /** Rows and columns. */
    static final int SIZE = 1024;

    private static final int PLANTED_RANK = 8;
    private static final double BITS = 2.75;
    /** Normal weights at 2.75 bits end near 0.25; twice that means something is broken, not noisy. */
    private static final double LARGEST_ERROR = 0.5;

    private FloatMatrix weights;
    private final MatrixJob job =
            LqLora.builder().maxRank(32).bitsPerWeight(BITS).build();

    /** Compresses once; checks the budget and the error of the stored bytes. */
    @Setup
    public void setUp() {
        weights = Inputs.gaussian("compress", SIZE, SIZE);
        try (FloatMatrix left = Inputs.gaussian("planted left", SIZE, PLANTED_RANK);
                FloatMatrix right = Inputs.gaussian("planted right", SIZE, PLANTED_RANK)) {
            for (int i = 0; i < SIZE; i++) {
                for (int j = 0; j < SIZE; j++) {
                    float planted = 0;
                    for (int k = 0; k < PLANTED_RANK; k++) {
                        planted += left.get(i, k) * right.get(j, k);
                    }
                    weights.set(i, j, weights.get(i, j) + planted);
                }
            }
        }
        QuantizedMatrix compressed = compress();
        Checks.require(compressed.bitsPerWeight() <= BITS, compressed.bitsPerWeight() + " bits per weight");
        try (FloatMatrix back = FloatMatrix.allocate(SIZE, SIZE)) {
            compressed.dequantize(0, back, Workers.serial());
            double error = Math.sqrt(Norms.squaredDifference(weights, back, Workers.serial()))
                    / Norms.frobenius(weights, Workers.serial());
            Checks.require(error < LARGEST_ERROR, "relative error " + error);
            System.out.println(compressed.format() + ", relative error " + error);
        }
    }

    /** Frees the memory. */
    @TearDown
    public void tearDown() {
        weights.close();
    }

    /** From weights to packed parts. */
    @Benchmark
    public QuantizedMatrix compress() {
        return job.compress(weights);
    }
}
