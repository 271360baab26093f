package dev.lowbit.lqlora;

import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.LowRank;
import dev.lowbit.linalg.Norms;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.matrix.block.BlockQuantizer;
import dev.lowbit.matrix.sum.StoredFactors;
import dev.lowbit.tensor.FloatMatrix;
import it.unimi.dsi.fastutil.doubles.DoubleArrayList;

/**
 * The LQ decomposition W ~ Q + L1 L2 (LQ-LoRA, arXiv 2311.12023, section 3.1 and algorithm 2): from Q = 0, in turn
 *
 * <pre>
 *   L1, L2 = lowRank(W - Q)              or lowRank(L1 L2 + alpha E), see LowRankMethod.Warm
 *   Q      = quantize(W - L1 L2)
 *   E      = W - Q - L1 L2,  e = ||sqrt(F) E||_F
 * </pre>
 *
 * <p>Differences from the paper: the factors are rounded to their stored form before Q is fitted, so e is the error of what
 * is written; the best state is returned, not the last (whose error may just have risen). Memory: W, one matrix of its size
 * for W - L1 L2 and then E in the same place, and matrices of the rank's width. The residual W - Q = E + L1 L2 is never
 * stored.
 *
 * <p>With a {@link dev.lowbit.importance.Hessian} the low-rank step looks at its diagonal only; the quantization and e at all of it.
 *
 * <p>The result is the same for any {@link Workers}.
 */
public final class LqDecomposer {
    private static final String PURPOSE = "lq-lora";

    private final FloatMatrix w;
    private final Importance importance;
    private final LqSettings settings;
    private final Workers workers;
    private final FloatMatrix error;
    private final FisherWeights weights;

    private LqDecomposer(
            FloatMatrix w, Importance importance, LqSettings settings, FloatMatrix scratch, Workers workers) {
        this.w = w;
        this.importance = importance;
        this.settings = settings;
        this.error = scratch;
        this.workers = workers;
        this.weights = FisherWeights.of(importance, settings.heuristic()).orElse(null);
    }

    /**
     * Decomposes one matrix.
     *
     * @param name keys the random stream
     * @param w rows x columns, finite; not modified
     * @param seed root seed
     */
    public static Decomposition decompose(
            String name, FloatMatrix w, Importance importance, LqSettings settings, long seed, Workers workers) {
        try (FloatMatrix scratch = FloatMatrix.allocate(w.rows(), w.columns())) {
            return decompose(name, w, importance, settings, seed, scratch, workers);
        }
    }

    /** The same in memory of the caller: {@code scratch} has the shape of {@code w} and is modified. */
    static Decomposition decompose(
            String name,
            FloatMatrix w,
            Importance importance,
            LqSettings settings,
            long seed,
            FloatMatrix scratch,
            Workers workers) {
        FisherWeights.check(name, importance, w.rows(), w.columns());
        LqDecomposer decomposer = new LqDecomposer(w, importance, settings, scratch, workers);
        int rank = Math.min(settings.rank(), Math.min(w.rows(), w.columns()));
        if (rank == 0) {
            return decomposer.withoutLowRank();
        }
        // the quantizer would see it too, but only after the singular value decomposition
        Norms.requireFinite(w);
        RandomStream stream = RandomStream.of(seed, PURPOSE, name);
        try (LowRankSolver solver = LowRankSolver.of(settings.method(), w.rows(), w.columns(), rank, stream)) {
            return decomposer.alternate(solver, rank);
        }
    }

    private Decomposition withoutLowRank() {
        double e = Math.sqrt(quantize(w));
        return new Decomposition(settings.base(), null, new double[] {e}, 0);
    }

    private Decomposition alternate(LowRankSolver solver, int rank) {
        DoubleArrayList errors = new DoubleArrayList();
        StoredFactors bestFactors = null;
        int best = -1;
        LowRank low = LowRank.allocate(w.rows(), w.columns(), rank);
        LowRank next = LowRank.allocate(w.rows(), w.columns(), rank);
        try (LowRank none = LowRank.allocate(w.rows(), w.columns(), 0)) {
            do {
                ResidualMap residual = errors.isEmpty()
                        ? new ResidualMap(w, none, 1, weights)
                        : new ResidualMap(error, low, relaxation(errors.size()), weights);
                solver.approximate(residual, next, workers);
                if (weights != null) {
                    weights.removeFrom(next);
                }
                StoredFactors factors = StoredFactors.round(next, settings.factors(), workers);
                error.copyFrom(w);
                next.subtractFrom(error, workers);
                errors.add(Math.sqrt(quantize(error)));
                if (best < 0 || !(errors.getDouble(best) <= errors.getDouble(errors.size() - 1))) {
                    best = errors.size() - 1;
                    bestFactors = factors;
                }
                LowRank swap = low;
                low = next;
                next = swap;
            } while (goesOn(errors, best));
        } finally {
            low.close();
            next.close();
        }
        return new Decomposition(settings.base(), bestFactors, errors.toDoubleArray(), best);
    }

    private float relaxation(int alternation) {
        return settings.method() instanceof LowRankMethod.Warm warm ? warm.relaxation(alternation) : 1;
    }

    /** Writes the error of quantizing {@code target} (may be {@link #error} itself) to {@link #error}; returns its squared norm. */
    private double quantize(FloatMatrix target) {
        return BlockQuantizer.quantizeResidual(target, importance, settings.base(), error, workers);
    }

    private boolean goesOn(DoubleArrayList errors, int best) {
        int done = errors.size();
        if (done >= settings.stopping().alternations() || errors.getDouble(best) == 0) {
            return false;
        }
        return switch (settings.stopping()) {
            case Stopping.WhenRising rising -> done == 1 || !(errors.getDouble(done - 1) > errors.getDouble(done - 2));
            case Stopping.Patient patient ->
                done <= patient.patience()
                        || errors.getDouble(best)
                                < bestBefore(errors, done - patient.patience()) * (1 - patient.gain());
        };
    }

    private static double bestBefore(DoubleArrayList errors, int end) {
        double smallest = Double.POSITIVE_INFINITY;
        for (int i = 0; i < end; i++) {
            smallest = Math.min(smallest, errors.getDouble(i));
        }
        return smallest;
    }
}
