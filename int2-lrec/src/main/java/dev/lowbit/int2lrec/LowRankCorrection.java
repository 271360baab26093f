package dev.lowbit.int2lrec;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Cholesky;
import dev.lowbit.linalg.LowRank;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Arrays;

/**
 * The best correction of a quantized layer by a matrix of rank r, in closed form; what LREC (INT2.1, arXiv 2306.08162) approaches by gradients:
 *
 * <pre>
 *   minimise Σ_i o_i δ_i (XᵀX + μ I) δ_iᵀ,  Δ = E - B A:
 *   S Sᵀ = XᵀX + μ I,  M = O^½ E S = P Σ Vᵀ,  O^½ B A = P_r Σ_r V_rᵀ S⁻¹ = P_r P_rᵀ O^½ E
 * </pre>
 *
 * <table>
 * <caption>Letters</caption>
 * <tr><th>letter</th><th>name</th><th>shape</th></tr>
 * <tr><td>E</td><td>residual W - Q</td><td>m x n</td></tr>
 * <tr><td>XᵀX</td><td>second moment of the inputs</td><td>n x n</td></tr>
 * <tr><td>O</td><td>weights o_i of the outputs</td><td>m, diagonal</td></tr>
 * <tr><td>B, A</td><td>factors, balanced: column k of O^½ B and row k of A S have the norm √σ_k</td><td>m x r, r x n</td></tr>
 * <tr><td>P</td><td>left singular vectors of M</td><td>m x r</td></tr>
 * </table>
 *
 * <p>So S is never needed: P comes from M Mᵀ = O^½ E (XᵀX + μ I) Eᵀ O^½ and the last form of the product does the rest. Without damping
 * (μ = 0) directions that the inputs don't have are free; A is made zero there (what a pseudo-inverse of S does), as it always is in
 * dead columns.
 *
 * <p>Matrices with a side of up to {@value ResidualSubspace#SMALL} are solved exactly, larger ones by power iteration, within 1 % of
 * the optimum for residuals of quantization. The result does not depend on the workers. Owns its factors.
 */
public final class LowRankCorrection implements AutoCloseable {
    /**
     * Directions that carry less of the inputs than this share of the mean are those that the inputs don't have; more where XᵀX was rounded
     * to floats.
     */
    private static final double LEAST_ABSENT = 1e-9;

    private static final double MOST_ABSENT = 1e-3;
    private static final double ABSENT_STEP = 10;

    private final LowRank factors;
    private final double baseError;
    private final double error;
    private final double optimum;

    private LowRankCorrection(LowRank factors, double baseError, double error, double optimum) {
        this.factors = factors;
        this.baseError = baseError;
        this.error = error;
        this.optimum = optimum;
    }

    /**
     * Computes the correction and what it leaves.
     *
     * @param residual E, m x n, finite; not modified
     * @param outputs o, m values, finite and not negative; null for ones; not modified
     * @param stream start of the search in large matrices; small ones draw nothing
     * @throws dev.lowbit.error.NonFiniteWeightException when a value of E is NaN or infinite
     * @throws InvalidRequestException when an output's weight is negative or not finite
     */
    public static LowRankCorrection of(
            FloatMatrix residual,
            SecondMoment moment,
            float[] outputs,
            LowRankSettings settings,
            RandomStream stream,
            Workers workers) {
        try (WeightedResidual weighted = new WeightedResidual(residual, moment, outputs, settings, workers)) {
            double[] base = LayerError.ofRows(residual, moment, workers);
            double baseError = weightedSum(base, outputs);
            double all = weighted.squaredNorm(baseError, workers);
            Solution found = solve(weighted, moment, outputs, settings, stream, workers);
            try {
                double error = CorrectedError.of(residual, base, found.factors(), moment, outputs, workers);
                return new LowRankCorrection(found.factors(), baseError, error, Math.max(0, all - found.explained()));
            } catch (RuntimeException | Error e) {
                found.factors().close();
                throw e;
            }
        }
    }

    /**
     * Computes the correction alone, which costs less than to say what it leaves.
     *
     * @param moment not used, and may be null, when plain
     * @return B (m x r) and A (r x n), floats; the caller closes them
     * @see #of
     */
    static LowRank factors(
            FloatMatrix residual,
            SecondMoment moment,
            float[] outputs,
            LowRankSettings settings,
            RandomStream stream,
            Workers workers) {
        try (WeightedResidual weighted = new WeightedResidual(residual, moment, outputs, settings, workers)) {
            return solve(weighted, moment, outputs, settings, stream, workers).factors();
        }
    }

    /**
     * Factors, and how much of ||M||² they explain.
     *
     * @param factors open
     */
    private record Solution(LowRank factors, double explained) {}

    private static Solution solve(
            WeightedResidual weighted,
            SecondMoment moment,
            float[] outputs,
            LowRankSettings settings,
            RandomStream stream,
            Workers workers) {
        int m = weighted.scaled().rows();
        int n = weighted.scaled().columns();
        int rank = Math.min(settings.rank(), Math.min(m, n));
        LowRank factors = LowRank.allocate(m, n, rank);
        if (rank == 0) {
            return new Solution(factors, 0);
        }
        try (ResidualSubspace subspace = ResidualSubspace.of(weighted, rank, settings, stream, workers)) {
            write(subspace, moment, outputs, settings, factors, workers);
            return new Solution(factors, subspace.explained(rank));
        } catch (RuntimeException | Error e) {
            factors.close();
            throw e;
        }
    }

    /**
     * What the problem that {@link #of} solves leaves at several ranks, from one decomposition: Σ_{i>r} σ_i², μ and the output weights
     * included.
     *
     * @param moment not used, and may be null, when plain
     * @param ranks at least 0; the largest decides the cost; {@code settings.rank()} is not used
     * @return one value per rank
     */
    public static double[] remaining(
            FloatMatrix residual,
            SecondMoment moment,
            float[] outputs,
            int[] ranks,
            LowRankSettings settings,
            RandomStream stream,
            Workers workers) {
        int most = 0;
        for (int rank : ranks) {
            most = Math.max(most, Math.min(rank, Math.min(residual.rows(), residual.columns())));
        }
        double[] remaining = new double[ranks.length];
        try (WeightedResidual weighted = new WeightedResidual(residual, moment, outputs, settings, workers);
                ResidualSubspace subspace = ResidualSubspace.of(weighted, most, settings, stream, workers)) {
            double error = settings.weighted() ? weightedSum(LayerError.ofRows(residual, moment, workers), outputs) : 0;
            double all = weighted.squaredNorm(error, workers);
            for (int i = 0; i < ranks.length; i++) {
                remaining[i] = Math.max(0, all - subspace.explained(Math.min(ranks[i], most)));
            }
        }
        return remaining;
    }

    private static double weightedSum(double[] rows, float[] outputs) {
        double sum = 0;
        for (int i = 0; i < rows.length; i++) {
            sum += outputs == null ? rows[i] : outputs[i] * rows[i];
        }
        return sum;
    }

    /** B = O^-½ P Σ^½, A = Σ^-½ Pᵀ Ẽ. */
    private static void write(
            ResidualSubspace subspace,
            SecondMoment moment,
            float[] outputs,
            LowRankSettings settings,
            LowRank factors,
            Workers workers) {
        int rank = factors.rank();
        int m = factors.rows();
        int n = factors.columns();
        double[] left = subspace.leftVectors(rank, workers);
        double[] right = subspace.projections(rank, workers);
        if (settings.weighted() && settings.damping() == 0) {
            removeAbsent(right, rank, moment, workers);
        }
        for (int k = 0; k < rank; k++) {
            // Σ^½ of a squared singular value; a direction without error needs no correction.
            double root = Math.sqrt(Math.sqrt(subspace.squaredValue(k)));
            for (int i = 0; i < m; i++) {
                double weight = outputs == null ? 1 : Math.sqrt(outputs[i]);
                factors.left().set(i, k, weight == 0 ? 0 : (float) (root * left[k * m + i] / weight));
            }
            for (int j = 0; j < n; j++) {
                factors.right().set(k, j, root == 0 ? 0 : (float) (right[k * n + j] / root));
            }
        }
    }

    /** Takes from every row a of {@code rows} (rank x n; modified) what lies where the inputs have nothing: a - δ a (XᵀX + δ I)⁻¹. */
    private static void removeAbsent(double[] rows, int rank, SecondMoment moment, Workers workers) {
        int n = moment.n();
        double mean = moment.meanDiagonal();
        if (mean == 0) {
            Arrays.fill(rows, 0);
            return;
        }
        double[] lifted = moment.values().clone();
        for (double delta = LEAST_ABSENT * mean; delta <= MOST_ABSENT * mean; delta *= ABSENT_STEP) {
            for (int j = 0; j < n; j++) {
                lifted[j * n + j] = moment.value(j, j) + delta;
            }
            if (Cholesky.of(lifted, n, workers) instanceof Cholesky factor) {
                double removed = delta;
                workers.forEach(rank, k -> {
                    double[] solution = Arrays.copyOfRange(rows, k * n, (k + 1) * n);
                    factor.solve(solution);
                    for (int j = 0; j < n; j++) {
                        rows[k * n + j] -= removed * solution[j];
                    }
                });
                return;
            }
        }
        throw InvalidRequestException.impossible(
                "the second moment of the inputs is not positive semidefinite; use damping or calibrate again");
    }

    /** B (m x r) and A (r x n), floats; closed with this. */
    public LowRank factors() {
        return factors;
    }

    /** Σ o_i e_i XᵀX e_iᵀ before the correction, without μ: ε when all weights are 1. */
    public double baseError() {
        return baseError;
    }

    /** The same after the correction with the factors as they are stored here. */
    public double error() {
        return error;
    }

    /**
     * The least value of the problem that was solved (μ included; of the weights alone when plain), Σ_{i>r} σ_i²; for large matrices that of
     * the subspace found, at most 1 % above.
     */
    public double optimum() {
        return optimum;
    }

    @Override
    public void close() {
        factors.close();
    }
}
