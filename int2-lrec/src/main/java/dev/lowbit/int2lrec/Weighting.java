package dev.lowbit.int2lrec;

import dev.lowbit.importance.Hessian;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;

/**
 * An importance in the form that the closed form of a correction knows, Σ_i o_i δ_i H δ_iᵀ: as it is for a Hessian; F ~ row means times column
 * means, over the mean, for a diagonal; nothing but the weights themselves without one.
 *
 * @param moment H; null for the identity
 * @param outputs o, one per row; null for ones
 */
record Weighting(SecondMoment moment, float[] outputs) {
    /** A Hessian is damped already; this only keeps methods from looking for directions that the inputs do not have. */
    static final double NO_DAMPING = 1e-12;

    static Weighting of(Importance importance, int columns, Workers workers) {
        return switch (importance) {
            case Importance.Uniform uniform -> new Weighting(null, null);
            case Importance.Diagonal diagonal -> ofMeans(diagonal.fisher());
            case Hessian hessian ->
                new Weighting(new SecondMoment(columns, hessian.matrix(workers), 1, 1), hessian.outputs());
        };
    }

    private static Weighting ofMeans(FloatMatrix fisher) {
        double[] byColumn = new double[fisher.columns()];
        float[] byRow = new float[fisher.rows()];
        for (int i = 0; i < fisher.rows(); i++) {
            double row = 0;
            for (int j = 0; j < fisher.columns(); j++) {
                row += fisher.get(i, j);
                byColumn[j] += fisher.get(i, j);
            }
            byRow[i] = (float) row;
        }
        return new Weighting(diagonal(byColumn), byRow);
    }

    private static SecondMoment diagonal(double[] values) {
        int n = values.length;
        double[] moment = new double[Math.multiplyExact(n, n)];
        for (int j = 0; j < n; j++) {
            moment[j * n + j] = values[j];
        }
        return new SecondMoment(n, moment, 1, 1);
    }

    LowRankSettings settings(int rank) {
        return moment == null
                ? LowRankSettings.plain(rank)
                : LowRankSettings.weighted(rank).damping(NO_DAMPING);
    }
}
