package dev.lowbit.bench;

import dev.lowbit.tensor.FloatMatrix;
import java.util.concurrent.TimeUnit;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.openblas.global.openblas;
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
import org.openjdk.jmh.annotations.Warmup;

/** What the closed form of a correction would need when taken literally: all singular vectors of a matrix, by OpenBLAS's sgesdd on two threads. */
@State(Scope.Thread)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 0)
@Measurement(iterations = 1)
@Fork(1)
public class SvdBenchmark {
    private static final int THREADS = 2;

    /** Rows and columns. */
    @Param("4096")
    public int size;

    private float[] values;

    /** A Gaussian matrix. */
    @Setup
    public void setUp() {
        Loader.load(openblas.class);
        openblas.blas_set_num_threads(THREADS);
        try (FloatMatrix matrix = Inputs.gaussian("svd", size, size)) {
            values = matrix.toArray();
        }
    }

    /** Singular values and both sets of vectors; checks that the squares of the values add up to those of the matrix. */
    @Benchmark
    public float[] decompose() {
        double squares = 0;
        for (float value : values) {
            squares += (double) value * value;
        }
        float[] singular = new float[size];
        float[] left = new float[size * size];
        float[] right = new float[size * size];
        int code = openblas.LAPACKE_sgesdd(
                openblas.LAPACK_ROW_MAJOR, (byte) 'S', size, size, values, size, singular, left, size, right, size);
        double sum = 0;
        for (float value : singular) {
            sum += (double) value * value;
        }
        Checks.require(code == 0, "sgesdd returned " + code);
        Checks.close(sum, squares, 1e-4 * squares, "the sum of the squared singular values");
        return singular;
    }
}
