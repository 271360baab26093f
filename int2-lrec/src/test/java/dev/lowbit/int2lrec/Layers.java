package dev.lowbit.int2lrec;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.tensor.FloatMatrix;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Consumer;

/** Layers for tests: weights, and inputs that share a few directions as activations do. */
final class Layers {
    private Layers() {}

    static FloatMatrix gaussian(int rows, int columns, long seed) {
        FloatMatrix matrix = FloatMatrix.wrap(rows, columns, new float[rows * columns]);
        RandomStream.of(seed, "test", rows + "x" + columns).fillGaussian(matrix);
        return matrix;
    }

    static FloatMatrix inputs(int tokens, int n, long seed) {
        FloatMatrix x = gaussian(tokens, n, seed);
        FloatMatrix common = gaussian(tokens, 3, seed + 1);
        FloatMatrix directions = gaussian(3, n, seed + 2);
        Gemm.multiply(common, false, directions, false, x, Gemm.Mode.ADD, Workers.serial());
        return x;
    }

    static SecondMoment moment(int n, long seed) {
        return SecondMoment.of(inputs(3 * n + 5, n, seed), 2, Workers.serial());
    }

    static FloatMatrix residual(FloatMatrix weights, AffineCodes codes) {
        FloatMatrix residual =
                FloatMatrix.wrap(weights.rows(), weights.columns(), new float[weights.rows() * weights.columns()]);
        codes.residual(weights, residual, Workers.serial());
        return residual;
    }

    static double error(FloatMatrix weights, AffineCodes codes, SecondMoment moment) {
        return LayerError.of(residual(weights, codes), moment, Workers.serial());
    }

    static RandomStream stream() {
        return RandomStream.of(5, "test", "stream");
    }

    /** Runs the body with 2, 3 and 8 threads. */
    static void withThreads(Consumer<Workers> body) {
        for (int threads : new int[] {2, 3, 8}) {
            try (ExecutorService executor = Executors.newFixedThreadPool(threads)) {
                body.accept(Workers.on(executor, threads));
            }
        }
    }
}
