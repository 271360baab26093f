package dev.lowbit.bench;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.linalg.Gram;
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

/** Products of float matrices on one thread, 1024 x 1024 x 1024, and float y = W x of 4096 x 4096. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 4, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(2)
public class GemmBenchmark {
    /** Rows, columns and inner size. */
    static final int SIZE = 1024;
    /** Columns of the skinny matrix whose Gram matrix is taken: the width of a rank-64 sketch. */
    static final int SKINNY = 74;
    /** Rows of the skinny matrix, and both sides of the matrix of the vector product. */
    static final int LARGE = 4096;

    private FloatMatrix a;
    private FloatMatrix b;
    private FloatMatrix c;
    private FloatMatrix skinny;
    private FloatMatrix weights;
    private FloatMatrix x;
    private FloatMatrix y;

    /** Checks each result against sums in double. */
    @Setup
    public void setUp() {
        a = Inputs.gaussian("left", SIZE, SIZE);
        b = Inputs.gaussian("right", SIZE, SIZE);
        c = FloatMatrix.allocate(SIZE, SIZE);
        skinny = Inputs.gaussian("skinny", LARGE, SKINNY);
        weights = Inputs.gaussian("weights", LARGE, LARGE);
        x = Inputs.gaussian("vector", 1, LARGE);
        y = FloatMatrix.allocate(1, LARGE);
        multiply();
        Checks.product(a, b, c, 37);
        try (FloatMatrix transposed = FloatMatrix.allocate(SIZE, SIZE)) {
            multiplyLeftTransposed();
            transpose(a, transposed);
            Checks.product(transposed, b, c, 37);
            multiplyRightTransposed();
            transpose(b, transposed);
            Checks.product(a, transposed, c, 37);
        }
        gemv();
        Checks.vectorProduct(weights, x, y);
        double[] gram = gram();
        for (int i = 0; i < SKINNY; i++) {
            for (int j = 0; j < SKINNY; j++) {
                double sum = 0;
                double magnitude = 0;
                for (int k = 0; k < LARGE; k++) {
                    double term = (double) skinny.get(k, i) * skinny.get(k, j);
                    sum += term;
                    magnitude += Math.abs(term);
                }
                // Sums in double on both sides; only their order differs.
                Checks.close(gram[i * SKINNY + j], sum, LARGE * 0x1p-52 * magnitude, "Gram at " + i + ", " + j);
            }
        }
    }

    private static void transpose(FloatMatrix from, FloatMatrix to) {
        for (int i = 0; i < from.rows(); i++) {
            for (int j = 0; j < from.columns(); j++) {
                to.set(j, i, from.get(i, j));
            }
        }
    }

    /** Frees the memory. */
    @TearDown
    public void tearDown() {
        for (FloatMatrix matrix : new FloatMatrix[] {a, b, c, skinny, weights, x, y}) {
            matrix.close();
        }
    }

    /** C = A B. */
    @Benchmark
    public void multiply() {
        Gemm.multiply(a, false, b, false, c, Gemm.Mode.SET, Workers.serial());
    }

    /** C = AᵀB. */
    @Benchmark
    public void multiplyLeftTransposed() {
        Gemm.multiply(a, true, b, false, c, Gemm.Mode.SET, Workers.serial());
    }

    /** C = ABᵀ. */
    @Benchmark
    public void multiplyRightTransposed() {
        Gemm.multiply(a, false, b, true, c, Gemm.Mode.SET, Workers.serial());
    }

    /** XᵀX in double of a 4096 x 74 matrix. */
    @Benchmark
    public double[] gram() {
        return Gram.of(skinny, true, Workers.serial());
    }

    /** y = W x with 32-bit weights, 4096 x 4096. */
    @Benchmark
    public void gemv() {
        Gemm.multiply(x, false, weights, true, y, Gemm.Mode.SET, Workers.serial());
    }
}
