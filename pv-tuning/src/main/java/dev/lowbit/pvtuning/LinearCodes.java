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

    private final Tiling tiling;
    private final LayerProblem problem;
    private final Reselection reselection;
    private final double[] curvature;
    private final int[] moves;
    private int steps;

    /** That of a state that has taken no step. */
    LinearCodes(LayerState start, int beam) {
        tiling = start.weights().tiling();
        problem = start.problem();
        reselection = Reselection.nearest(beam, 1);
        curvature = curvature(tiling, problem.moment());
        moves = new int[tiling.tileRows()];
        Arrays.fill(moves, Math.ceilDiv(tiling.tileColumns(), 10));
    }

    /** λ of every column of tiles. */
    private static double[] curvature(Tiling tiling, InputMoment moment) {
        double[] curvature = new double[tiling.tileColumns()];
        for (int i = 0; i < tiling.columns(); i++) {
            int q = i / tiling.inGroup();
            double sum = 0;
            for (int j = q * tiling.inGroup(); j < (q + 1) * tiling.inGroup(); j++) {
                sum += Math.abs(moment.at(i, j));
            }
            curvature[q] = Math.max(curvature[q], sum);
        }
        return curvature;
    }

    /**
     * One step.
     *
     * @param state modified: codes of some tiles
     * @return how many tiles have other codes than before
     */
    int step(LayerState state) {
        AdditiveWeights candidate = state.weights().copy();
        double[] before = candidate.decode();
        double[] target = target(before, state.product());
        int[] order = Draws.upTo(candidate.codebooks());
        if (CodeReselection.run(candidate, target, reselection, order, null, problem.workers()) == 0) {
            return 0;
        }
        double[] gains = gains(before, candidate.decode(), state.product());
        int[] found = candidate.codes().clone();
        System.arraycopy(state.weights().codes(), 0, candidate.codes(), 0, found.length);
        int[] wanted = IntStream.range(0, moves.length)
                .map(p -> takeBest(p, gains, found, candidate))
                .toArray();
        return accept(state, new LayerState(problem, candidate), wanted);
    }

    private double[] target(double[] decoded, double[] product) {
        double[] target = decoded.clone();
        double eta = STEPS[steps++ % STEPS.length];
        for (int i = 0; i < target.length; i++) {
            double lambda = curvature[i % problem.columns() / tiling.inGroup()];
            if (lambda > 0) {
                target[i] -= eta * product[i] / lambda;
            }
        }
        return target;
    }

    /** What every tile's move would gain alone, P x Q. */
    private double[] gains(double[] before, double[] after, double[] product) {
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
                    turned += problem.moment().at(i, j) * (after[row * columns + j] - before[row * columns + j]);
                }
                gains[row / tiling.outGroup() * tiling.tileColumns() + q] -= move * (2 * product[at] + turned);
            }
        }
        return gains;
    }

    /** Gives a row of tiles the new codes of its best moves; how many there are. */
    private int takeBest(int p, double[] gains, int[] found, AdditiveWeights candidate) {
        int width = tiling.tileColumns();
        int[] promising = IntStream.range(p * width, (p + 1) * width)
                .filter(t -> gains[t] > 0)
                .boxed()
                .sorted(Comparator.comparingDouble((Integer t) -> -gains[t]))
                .mapToInt(Integer::intValue)
                .limit(moves[p])
                .toArray();
        for (int tile : promising) {
            int from = tile * candidate.codebooks();
            System.arraycopy(found, from, candidate.codes(), from, candidate.codebooks());
        }
        return promising.length;
    }

    private int accept(LayerState state, LayerState candidate, int[] wanted) {
        double[] before = state.tileRowLosses();
        double[] after = candidate.tileRowLosses();
        int changed = 0;
        for (int p = 0; p < wanted.length; p++) {
            if (wanted[p] == 0) {
                continue;
            }
            if (after[p] <= before[p]) {
                state.copyTileRow(candidate, p);
                changed += wanted[p];
                moves[p] = Math.min(2 * moves[p], tiling.tileColumns());
            } else {
                moves[p] = Math.max(moves[p] / 2, 1);
            }
        }
        return changed;
    }
}
