package dev.lowbit.sketchtune;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Optional;

/** The first tables of a sketch: clusters of the weights of every group, on their own. */
final class TableClusters {
    private TableClusters() {}

    /**
     * Clusters with a weight for each column.
     *
     * @param weights W, m x n; not modified
     * @param columnWeights a, n; not modified
     * @param sketch its tables are modified (overwritten)
     */
    static void byColumn(
            FloatMatrix weights, double[] columnWeights, Clustering clustering, Sketch sketch, Workers workers) {
        of(weights, Optional.empty(), columnWeights, clustering, sketch, workers);
    }

    /**
     * Clusters with a weight for each weight.
     *
     * @param weights W, m x n; not modified
     * @param importance F, m x n; not modified
     * @param sketch its tables are modified (overwritten)
     */
    static void byWeight(
            FloatMatrix weights, FloatMatrix importance, Clustering clustering, Sketch sketch, Workers workers) {
        of(weights, Optional.of(importance), null, clustering, sketch, workers);
    }

    private static void of(
            FloatMatrix weights,
            Optional<FloatMatrix> importance,
            double[] columnWeights,
            Clustering clustering,
            Sketch sketch,
            Workers workers) {
        int width = sketch.groupColumns();
        workers.forEach(sketch.rows(), i -> {
            float[] row = weights.rows(i, 1).toArray();
            double[] factors =
                    importance.map(f -> doubles(f.rows(i, 1).toArray())).orElse(columnWeights);
            for (int g = 0; g < sketch.groups(); g++) {
                int to = i * sketch.rowEntries() + g * sketch.entries();
                double[] centres =
                        clustering.centres(new Clustering.Points(row, factors, g * width, width), sketch.entries());
                System.arraycopy(centres, 0, sketch.tables(), to, centres.length);
            }
        });
    }

    private static double[] doubles(float[] values) {
        double[] doubles = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            doubles[i] = values[i];
        }
        return doubles;
    }
}
