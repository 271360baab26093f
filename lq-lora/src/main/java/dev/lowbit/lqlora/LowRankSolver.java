package dev.lowbit.lqlora;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.ExactSvd;
import dev.lowbit.linalg.LinearMap;
import dev.lowbit.linalg.LowRank;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.linalg.RandomizedSvd;
import dev.lowbit.linalg.SubspaceIteration;
import dev.lowbit.tensor.FloatMatrix;

/** The low-rank step of the alternations of one matrix; keeps what it learns from one to the next. */
interface LowRankSolver extends AutoCloseable {
    /** Bases are this many vectors wide or a multiple: the widest SIMD register, so the extra vectors cost nothing. */
    int LANES = 16;

    /**
     * Approximates {@code map} by the rank of {@code out}.
     *
     * @param out modified (overwritten)
     */
    void approximate(LinearMap map, LowRank out, Workers workers);

    @Override
    default void close() {}

    /** The solver of a method for rows x columns matrices and a rank of at least 1. */
    static LowRankSolver of(LowRankMethod method, int rows, int columns, int rank, RandomStream stream) {
        return switch (method) {
            case LowRankMethod.Exact exact -> new ExactSolver();
            case LowRankMethod.Randomized sketch ->
                (map, out, workers) ->
                        RandomizedSvd.of(map, out, sketch.oversampling(), sketch.powerIterations(), stream, workers);
            case LowRankMethod.Warm warm -> {
                int width = Math.ceilDiv(rank + warm.oversampling(), LANES) * LANES;
                width = Math.min(width, Math.min(rows, columns));
                yield new WarmSolver(warm, new SubspaceIteration(rows, columns, width, stream));
            }
        };
    }
}

/** Writes the map out, by its product with the identity, and decomposes it. */
final class ExactSolver implements LowRankSolver {
    @Override
    public void approximate(LinearMap map, LowRank out, Workers workers) {
        int n = map.columns();
        try (FloatMatrix identity = FloatMatrix.allocate(n, n);
                FloatMatrix dense = FloatMatrix.allocate(map.rows(), n)) {
            for (int i = 0; i < n; i++) {
                identity.set(i, i, 1);
            }
            map.multiply(identity, dense, workers);
            ExactSvd.of(dense).truncate(out);
        }
    }
}

final class WarmSolver implements LowRankSolver {
    private final LowRankMethod.Warm method;
    private final SubspaceIteration iteration;
    private boolean warm;

    WarmSolver(LowRankMethod.Warm method, SubspaceIteration iteration) {
        this.method = method;
        this.iteration = iteration;
    }

    @Override
    public void approximate(LinearMap map, LowRank out, Workers workers) {
        int steps = warm ? method.steps() : method.firstSteps();
        for (int step = 1; step < steps; step++) {
            iteration.advance(map, workers);
        }
        iteration.approximate(map, out, workers);
        warm = true;
    }

    @Override
    public void close() {
        iteration.close();
    }
}
