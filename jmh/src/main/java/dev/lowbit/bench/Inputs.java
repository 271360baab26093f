package dev.lowbit.bench;

import dev.lowbit.linalg.RandomStream;
import dev.lowbit.tensor.FloatMatrix;

/** Deterministic inputs of the benchmarks. */
final class Inputs {
    private static final long SEED = 20261124;

    private Inputs() {}

    /** Standard normal entries; {@code name} makes different matrices different. The caller closes it. */
    static FloatMatrix gaussian(String name, int rows, int columns) {
        FloatMatrix matrix = FloatMatrix.allocate(rows, columns);
        stream(name).fillGaussian(matrix);
        return matrix;
    }

    static RandomStream stream(String name) {
        return RandomStream.of(SEED, "benchmark", name);
    }
}
