package dev.lowbit.bench;

import dev.lowbit.jobs.MemoryBandwidth;
import dev.lowbit.jobs.bench.SampleMatrices;
import dev.lowbit.kernel.VectorWidth;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
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
 * What this machine can do, on one thread but for {@link #readByTwo}: the roofline, and the denominators of every ratio. Whoever reports a ratio runs these
 * in the same run.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(2)
public class ReferenceBenchmark {
    /** Side of the square matrices of S. */
    static final int SGEMM_SIZE = 1024;
    /** Bytes read in one sweep, far more than any cache. */
    static final long READ_BYTES = 256L << 20;
    /** Bytes written in one sweep: a 4096 x 4096 matrix of floats, what dequantization writes. */
    static final long STORE_BYTES = 64L << 20;
    /** Rows of the float matrix that a core's own cache holds: with {@link #CACHED_COLUMNS} columns 256 KiB. */
    static final int CACHED_ROWS = 64;

    static final int CACHED_COLUMNS = 1024;
    /** Fused multiply-adds per lane and sweep of the peak loop. */
    static final int FMA_STEPS = 1 << 16;

    private static final VectorSpecies<Float> SPECIES = VectorWidth.floats();
    private static final long VECTOR_BYTES = SPECIES.vectorByteSize();
    private static final int CHAINS = 12;
    private static final int ROWS = 4096;

    /** Matrices of ours, so that the pages are as large as those the kernels get. */
    private FloatMatrix sourceFloats;

    private FloatMatrix targetFloats;
    private MemorySegment source;
    private MemorySegment target;
    private FloatMatrix x;
    private FloatMatrix y;
    private QuantizedMatrix cached;
    private FloatMatrix cachedX;
    private FloatMatrix cachedY;
    private ExecutorService executor;
    private Workers two;
    private OpenBlas blas;
    private float seed = 1;

    /** Allocates, and checks sgemm and the product in the cache. */
    @Setup
    public void setUp() {
        sourceFloats = FloatMatrix.allocate(ROWS, Math.toIntExact(READ_BYTES / Float.BYTES / ROWS));
        targetFloats = FloatMatrix.allocate(ROWS, Math.toIntExact(STORE_BYTES / Float.BYTES / ROWS));
        source = sourceFloats.segment().fill((byte) 1);
        target = targetFloats.segment();
        x = Inputs.gaussian("vector", 1, targetFloats.columns());
        y = FloatMatrix.allocate(1, ROWS);
        try (FloatMatrix a = Inputs.gaussian("left", SGEMM_SIZE, SGEMM_SIZE);
                FloatMatrix b = Inputs.gaussian("right", SGEMM_SIZE, SGEMM_SIZE)) {
            blas = new OpenBlas(a, b);
            blas.multiply();
            Checks.product(a, b, blas.result(), 97);
        }
        executor = Executors.newFixedThreadPool(1);
        two = Workers.on(executor, 2);
        cachedX = Inputs.gaussian("cached vector", 1, CACHED_COLUMNS);
        cachedY = FloatMatrix.allocate(1, CACHED_ROWS);
        try (FloatMatrix weights = SampleMatrices.gaussian(CACHED_ROWS, CACHED_COLUMNS)) {
            cached = SampleMatrices.of("f32", weights, Workers.serial());
            cachedGemv();
            Checks.vectorProduct(weights, cachedX, cachedY);
        }
    }

    /** Frees the memory. */
    @TearDown
    public void tearDown() {
        blas.close();
        sourceFloats.close();
        targetFloats.close();
        x.close();
        y.close();
        cachedX.close();
        cachedY.close();
        executor.shutdown();
    }

    /** S: C = A B of 1024 x 1024 floats by OpenBLAS on one thread. */
    @Benchmark
    public void sgemm() {
        blas.multiply();
    }

    /** Reads {@link #READ_BYTES} from memory once. */
    @Benchmark
    public float read() {
        return MemoryBandwidth.sum(source, 0, READ_BYTES);
    }

    /** The same, each half by a thread. */
    @Benchmark
    public float readByTwo() {
        float[] sums = new float[2];
        two.forEach(2, half -> sums[half] = MemoryBandwidth.sum(source, half * READ_BYTES / 2, READ_BYTES / 2));
        return sums[0] + sums[1];
    }

    /** Writes {@link #STORE_BYTES} of one float, the plain store loop. */
    @Benchmark
    public MemorySegment store() {
        FloatVector value = FloatVector.broadcast(SPECIES, seed);
        for (long at = 0; at < STORE_BYTES; at += VECTOR_BYTES) {
            value.intoMemorySegment(target, at, ByteOrder.nativeOrder());
        }
        return target;
    }

    /** The dense product with one vector: y = W x of 4096 x 4096 floats. {@link GemmBenchmark} checks it. */
    @Benchmark
    public void gemv() {
        Gemm.multiply(x, false, targetFloats, true, y, Gemm.Mode.SET, Workers.serial());
    }

    /** y = W x of {@link #CACHED_ROWS} x {@link #CACHED_COLUMNS} weights in {@code f32}, exact. */
    @Benchmark
    public void cachedGemv() {
        cached.multiply(cachedX, cachedY, Workers.serial());
    }

    /** {@value #FMA_STEPS} fused multiply-adds in each lane of twelve independent chains: enough to hide their latency. */
    @Benchmark
    public float fma() {
        FloatVector x = FloatVector.broadcast(SPECIES, 0.999f * seed);
        FloatVector y = FloatVector.broadcast(SPECIES, 0.001f);
        FloatVector a = y;
        FloatVector b = y;
        FloatVector c = y;
        FloatVector d = y;
        FloatVector e = y;
        FloatVector f = y;
        FloatVector g = y;
        FloatVector h = y;
        FloatVector i = y;
        FloatVector j = y;
        FloatVector k = y;
        FloatVector l = y;
        for (int step = 0; step < FMA_STEPS; step++) {
            a = a.fma(x, y);
            b = b.fma(x, y);
            c = c.fma(x, y);
            d = d.fma(x, y);
            e = e.fma(x, y);
            f = f.fma(x, y);
            g = g.fma(x, y);
            h = h.fma(x, y);
            i = i.fma(x, y);
            j = j.fma(x, y);
            k = k.fma(x, y);
            l = l.fma(x, y);
        }
        FloatVector sum =
                a.add(b).add(c.add(d)).add(e.add(f).add(g.add(h))).add(i.add(j).add(k.add(l)));
        return sum.reduceLanes(VectorOperators.MAX);
    }

    /** Floating-point operations of one call of {@link #fma}, two for each fused multiply-add. */
    static double fmaOperations() {
        return 2.0 * FMA_STEPS * CHAINS * SPECIES.length();
    }
}
