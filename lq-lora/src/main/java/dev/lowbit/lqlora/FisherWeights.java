package dev.lowbit.lqlora;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.importance.Importance;
import dev.lowbit.linalg.LowRank;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Optional;

/**
 * Row and column weights that turn the Fisher-weighted low-rank problem into a plain one: with {@code d1[i] = sqrt(mean_j
 * F[i,j])} and {@code d2[j] = sqrt(mean_i F[i,j])}, {@code T1 T2 = SVD_r(d1 M d2)}, {@code L1 = T1 / d1}, {@code L2 = T2 / d2}.
 *
 * <p>Both are divided by their maximum, so a factor of F drops out, and floored at 1e-8, so that a row or column without any
 * weight gives no division by zero.
 *
 * @param rows d1, one per row, in [1e-8, 1]
 * @param columns d2, one per column, in [1e-8, 1]
 */
record FisherWeights(float[] rows, float[] columns) {
    private static final double FLOOR = 1e-8;

    /** The weights of an importance; empty where every weight is the same and the plain step will do. */
    static Optional<FisherWeights> of(Importance importance, FisherHeuristic heuristic) {
        if (importance.diagonal().isEmpty() || heuristic == FisherHeuristic.NONE) {
            return Optional.empty();
        }
        FloatMatrix fisher = importance.diagonal().get();
        double[] rowSums = new double[fisher.rows()];
        double[] columnSums = new double[fisher.columns()];
        for (int i = 0; i < fisher.rows(); i++) {
            for (int j = 0; j < fisher.columns(); j++) {
                double value = fisher.get(i, j);
                rowSums[i] += value;
                columnSums[j] += value;
            }
        }
        if (Arrays.stream(rowSums).max().orElse(0) == 0) {
            return Optional.empty();
        }
        boolean byRow = heuristic != FisherHeuristic.COLUMN;
        boolean byColumn = heuristic != FisherHeuristic.ROW;
        return Optional.of(new FisherWeights(roots(rowSums, byRow), roots(columnSums, byColumn)));
    }

    /**
     * Refuses a Fisher matrix that cannot weight a matrix of this shape.
     *
     * @param name the tensor it belongs to, for the message
     */
    static void check(String name, Importance importance, int rows, int columns) {
        if (importance.diagonal().isEmpty()) {
            return;
        }
        FloatMatrix fisher = importance.diagonal().get();
        if (fisher.rows() != rows || fisher.columns() != columns) {
            throw InvalidRequestException.usage("the Fisher weights of " + name + " are " + fisher.rows() + " x "
                    + fisher.columns() + "; they must have the shape of the matrix, " + rows + " x " + columns);
        }
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                float value = fisher.get(i, j);
                if (!(value >= 0) || value == Float.POSITIVE_INFINITY) {
                    throw InvalidRequestException.usage("the Fisher weight of " + name + " at row " + i + ", column "
                            + j + " is " + value + "; they must be finite and not negative");
                }
            }
        }
    }

    /** Takes the weights out of factors found for the weighted matrix: left rows by d1, right columns by d2. */
    void removeFrom(LowRank factors) {
        MemorySegment left = factors.left().segment();
        int rank = factors.rank();
        for (int i = 0; i < rows.length; i++) {
            for (int k = 0; k < rank; k++) {
                long at = (long) i * rank + k;
                left.setAtIndex(ValueLayout.JAVA_FLOAT, at, left.getAtIndex(ValueLayout.JAVA_FLOAT, at) / rows[i]);
            }
        }
        MemorySegment right = factors.right().segment();
        for (int k = 0; k < rank; k++) {
            for (int j = 0; j < columns.length; j++) {
                long at = (long) k * columns.length + j;
                right.setAtIndex(ValueLayout.JAVA_FLOAT, at, right.getAtIndex(ValueLayout.JAVA_FLOAT, at) / columns[j]);
            }
        }
    }

    private static float[] roots(double[] sums, boolean used) {
        float[] roots = new float[sums.length];
        double max = Arrays.stream(sums).max().orElse(0);
        for (int i = 0; i < sums.length; i++) {
            roots[i] = used ? (float) Math.max(FLOOR, Math.sqrt(sums[i] / max)) : 1;
        }
        return roots;
    }
}
