package dev.lowbit.pvtuning;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * The subspace linearised V step of PV-Tuning (arXiv 2405.14852) on the objective of a layer, with a guard. With G = 2 Δ H, the target
 * of tile (p, q) is
 *
 * <pre>
 *   T[p, q] = Ŵ[p, q] - η G[p, q] / (2 λ_q)    λ_q the largest absolute row sum of H_qq, no less than its largest eigenvalue
 * </pre>
 *
 * whose nearest codes would move the tile by D, alone, with the gain -&lt;G, D&gt; - tr(D H_qq Dᵀ). Tiles of different rows don't meet in L,
 * those of one row do: every row of tiles makes its n most promising moves, takes them all back if its own part of L rises, and then
 * halves n, as it doubles n otherwise. One move is never taken back but for rounding.
 *
 * <p>At η = 1 most codes are nearest to their own target; at more, moves are larger and fewer of them pay. So η goes round.
 */
final class LinearCodes {
    private static final double[] STEPS = {1, 2, 4};

    private final AdditiveWeights weights;
    private final LayerProblem problem;
    private final Reselection reselection;
    private final double[] curvature;
    private final int[] moves;
    private int steps;

    /** That of weights that have taken no step; every step modifies their codes. */
    LinearCodes(AdditiveWeights weights, LayerProblem problem, int beam) {
        this.weights = weights;
        this.problem = problem;
        reselection = Reselection.nearest(beam, 1);
        curvature = curvature(weights.tiling(), problem.moment());
        moves = new int[weights.tiling().tileRows()];
        Arrays.fill(moves, Math.ceilDiv(weights.tiling().tileColumns(), 10));
    }

    /** λ of every column of tiles. */
    private static double[] curvature(Tiling tiling, double[] moment) {
        double[] curvature = new double[tiling.tileColumns()];
        for (int i = 0; i < tiling.columns(); i++) {
            int q = i / tiling.inGroup();
            double sum = 0;
            for (int j = q * tiling.inGroup(); j < (q + 1) * tiling.inGroup(); j++) {
                sum += Math.abs(moment[i * tiling.columns() + j]);
            }
            curvature[q] = Math.max(curvature[q], sum);
        }
        return curvature;
    }

    /**
     * Where a step ended.
     *
     * @param changed tiles that have other codes than before
     */
    record Moved(LayerProblem.Point point, int changed) {}

    /** One step from {@code at}. */
    Moved step(LayerProblem.Point at) {
        AdditiveWeights candidate = weights.copy();
        double[] before = weights.decode();
        double[] target = target(before, at.product());
        int[] order = CodeReselection.naturalOrder(weights.codebooks());
        if (CodeReselection.run(candidate, target, reselection, order, null, problem.workers()) == 0) {
            return new Moved(at, 0);
        }
        double[] gains = gains(before, candidate.decode(), at.product());
        int[] found = candidate.codes().clone();
        int[] wanted = IntStream.range(0, moves.length)
                .map(p -> takeBest(p, gains, found, candidate))
                .toArray();
        return accept(at, candidate, wanted);
    }

    private double[] target(double[] decoded, double[] product) {
        double[] target = decoded.clone();
        double eta = STEPS[steps++ % STEPS.length];
        for (int i = 0; i < target.length; i++) {
            double lambda = curvature[i % problem.columns() / weights.tiling().inGroup()];
            if (lambda > 0) {
                target[i] -= eta * product[i] / lambda;
            }
        }
        return target;
    }

    /** What every tile's move would gain alone, P x Q. */
    private double[] gains(double[] before, double[] after, double[] product) {
        Tiling tiling = weights.tiling();
        double[] gains = new double[tiling.tiles()];
        int columns = tiling.columns();
        for (int row = 0; row < tiling.rows(); row++) {
            for (int i = 0; i < columns; i++) {
                int at = row * columns + i;
                double move = after[at] - before[at];
                if (move == 0) {
                    continue;
                }
                int q = i / tiling.inGroup();
                double turned = 0;
                for (int j = q * tiling.inGroup(); j < (q + 1) * tiling.inGroup(); j++) {
                    turned +=
                            problem.moment()[i * columns + j] * (after[row * columns + j] - before[row * columns + j]);
                }
                gains[row / tiling.outGroup() * tiling.tileColumns() + q] -= move * (2 * product[at] + turned);
            }
        }
        return gains;
    }

    /** Leaves a row of tiles the new codes of its best moves; how many there are. */
    private int takeBest(int p, double[] gains, int[] found, AdditiveWeights candidate) {
        int width = weights.tiling().tileColumns();
        int[] promising = IntStream.range(p * width, (p + 1) * width)
                .filter(t -> gains[t] > 0)
                .boxed()
                .sorted(Comparator.comparingDouble((Integer t) -> -gains[t]))
                .mapToInt(Integer::intValue)
                .limit(moves[p])
                .toArray();
        restore(p, candidate);
        for (int tile : promising) {
            int from = tile * weights.codebooks();
            System.arraycopy(found, from, candidate.codes(), from, weights.codebooks());
        }
        return promising.length;
    }

    /** Gives a row of tiles its present codes back. */
    private void restore(int p, AdditiveWeights candidate) {
        int width = weights.tiling().tileColumns() * weights.codebooks();
        System.arraycopy(weights.codes(), p * width, candidate.codes(), p * width, width);
    }

    private Moved accept(LayerProblem.Point at, AdditiveWeights candidate, int[] wanted) {
        LayerProblem.Point next = problem.at(candidate);
        int outGroup = weights.tiling().outGroup();
        int length = outGroup * problem.columns();
        int changed = 0;
        for (int p = 0; p < wanted.length; p++) {
            if (sum(next.rows(), p * outGroup, outGroup) <= sum(at.rows(), p * outGroup, outGroup)) {
                changed += wanted[p];
                if (wanted[p] > 0) {
                    moves[p] = Math.min(2 * moves[p], weights.tiling().tileColumns());
                }
            } else {
                restore(p, candidate);
                System.arraycopy(at.rows(), p * outGroup, next.rows(), p * outGroup, outGroup);
                System.arraycopy(at.product(), p * length, next.product(), p * length, length);
                moves[p] = Math.max(moves[p] / 2, 1);
            }
        }
        System.arraycopy(candidate.codes(), 0, weights.codes(), 0, weights.codes().length);
        return new Moved(next, changed);
    }

    private static double sum(double[] values, int from, int count) {
        double sum = 0;
        for (int i = from; i < from + count; i++) {
            sum += values[i];
        }
        return sum;
    }
}
