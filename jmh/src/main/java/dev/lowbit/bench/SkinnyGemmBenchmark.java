package dev.lowbit.bench;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.tensor.FloatMatrix;
import java.util.concurrent.TimeUnit;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.openblas.global.openblas;
import org.bytedeco.openblas.global.openblas_nolapack;
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

/** The products of a randomized decomposition of a 4096 x 4096 matrix at rank 64, ours and OpenBLAS's, on one thread. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 4, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(2)
public class SkinnyGemmBenchmark {
    /** Rows x columns x inner size, with T behind it when A is stored transposed. */
    @Param({"4096x74x4096", "4096x74x4096T", "74x4096x4096", "4096x4096x64"})
    public String shape;

    private int m;
    private int n;
    private int k;
    private boolean transposed;
    private FloatMatrix a;
    private FloatMatrix b;
    private FloatMatrix c;
    private FloatPointer blasA;
    private FloatPointer blasB;
    private FloatPointer blasC;

    /** Checks our result against OpenBLAS's. */
    @Setup
    public void setUp() {
        transposed = shape.endsWith("T");
        String[] sizes = shape.replace("T", "").split("x");
        m = Integer.parseInt(sizes[0]);
        n = Integer.parseInt(sizes[1]);
        k = Integer.parseInt(sizes[2]);
        a = transposed ? Inputs.gaussian("left", k, m) : Inputs.gaussian("left", m, k);
        b = Inputs.gaussian("right", k, n);
        c = FloatMatrix.allocate(m, n);
        Loader.load(openblas_nolapack.class);
        openblas_nolapack.blas_set_num_threads(1);
        blasA = new FloatPointer(a.size());
        blasB = new FloatPointer(b.size());
        blasC = new FloatPointer(c.size());
        blasA.put(a.toArray());
        blasB.put(b.toArray());
        multiply();
        openBlas();
        for (long i = 0; i < c.size(); i += 997) {
            int row = (int) (i / n);
            int column = (int) (i % n);
            double magnitude = 0;
            for (int p = 0; p < k; p++) {
                float left = transposed ? a.get(p, row) : a.get(row, p);
                magnitude += Math.abs((double) left * b.get(p, column));
            }
            Checks.close(c.get(row, column), blasC.get(i), 2.0 * (k + 1) * 0x1p-23 * magnitude, shape + " at " + i);
        }
    }

    /** Frees the memory. */
    @TearDown
    public void tearDown() {
        for (FloatMatrix matrix : new FloatMatrix[] {a, b, c}) {
            matrix.close();
        }
        for (FloatPointer pointer : new FloatPointer[] {blasA, blasB, blasC}) {
            pointer.close();
        }
    }

    /** Ours. */
    @Benchmark
    public void multiply() {
        Gemm.multiply(a, transposed, b, false, c, Gemm.Mode.SET, Workers.serial());
    }

    /** Theirs. */
    @Benchmark
    public void openBlas() {
        openblas.cblas_sgemm(
                openblas.CblasRowMajor,
                transposed ? openblas.CblasTrans : openblas.CblasNoTrans,
                openblas.CblasNoTrans,
                m,
                n,
                k,
                1f,
                blasA,
                transposed ? m : k,
                blasB,
                n,
                0f,
                blasC,
                n);
    }
}
