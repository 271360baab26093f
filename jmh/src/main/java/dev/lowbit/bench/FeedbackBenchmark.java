package dev.lowbit.bench;

import dev.lowbit.importance.Hessian;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.block.BlockMatrix;
import dev.lowbit.matrix.block.BlockQuantizer;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Arrays;
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

/** A 1024 x 1024 matrix quantized with error feedback on one thread, the Hessian's factor being there. */
@State(Scope.Thread)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3)
@Measurement(iterations = 5)
@Fork(1)
public class FeedbackBenchmark {
    /** Rows and columns. */
    static final int SIZE = 1024;

    private static final double CORRELATION = 0.9;
    private static final double DAMPING = 0.01;

    /** How the matrix is stored. */
    @Param({"nf4-g64-s8x256-fp32", "lc3-g32-s4x64-bf16"})
    public String format;

    private FloatMatrix weights;
    private FloatMatrix factor;
    private Hessian hessian;
    private BlockFormat parsed;

    /** Inputs whose correlation falls with the distance; checks that feedback beats rounding and that its error is that of the result. */
    @Setup
    public void setUp() {
        weights = Inputs.gaussian("feedback", SIZE, SIZE);
        parsed = BlockFormat.parse(format);
        try (FloatMatrix moment = FloatMatrix.allocate(SIZE, SIZE)) {
            for (int i = 0; i < SIZE; i++) {
                for (int j = 0; j < SIZE; j++) {
                    moment.set(i, j, (float) StrictMath.pow(CORRELATION, Math.abs(i - j)));
                }
            }
            factor = Hessian.factor(moment, DAMPING);
        }
        float[] outputs = new float[SIZE];
        Arrays.fill(outputs, 1);
        hessian = new Hessian(factor, outputs);
        double rounded = error(BlockQuantizer.quantize(
                weights, Importance.diagonal(hessian.diagonal().orElseThrow()), parsed, Workers.serial()));
        double fed = error(quantize());
        Checks.require(fed < rounded / 2, "error feedback left " + fed + " of " + rounded);
        double reported = BlockQuantizer.squaredError(weights, hessian, parsed, Workers.serial());
        Checks.close(fed, reported, 1e-4 * reported, "the error of the matrix");
    }

    private double error(BlockMatrix matrix) {
        try (FloatMatrix difference = FloatMatrix.allocate(SIZE, SIZE)) {
            matrix.dequantize(0, difference, Workers.serial());
            for (int i = 0; i < SIZE; i++) {
                for (int j = 0; j < SIZE; j++) {
                    difference.set(i, j, weights.get(i, j) - difference.get(i, j));
                }
            }
            return hessian.of(difference, 0, Workers.serial());
        }
    }

    /** Frees the memory. */
    @TearDown
    public void tearDown() {
        hessian.close();
        factor.close();
        weights.close();
    }

    /** From weights to a packed matrix. */
    @Benchmark
    public BlockMatrix quantize() {
        return BlockQuantizer.quantize(weights, hessian, parsed, Workers.serial());
    }
}
