package dev.lowbit.sketchtune;

import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Arrays;
import java.util.Optional;

/** Σ F (W - Ŵ)², F a factor for each weight, or 1: then the nearest entries and the best clusters are the optimum at once. */
final class WeightedObjective implements RowObjective {
    private final FloatMatrix weights;
    private final Optional<FloatMatrix> factors;
    private final Clustering clustering = new ExactClustering();
    private final Workers workers;

    /**
     * The objective of a matrix.
     *
     * @param weights W, m x n, finite; not modified, readable as long as this is used
     * @param importance without pairs of weights; as long
     */
    WeightedObjective(FloatMatrix weights, Importance importance, Workers workers) {
        this.weights = weights;
        this.factors = importance.diagonal();
        this.workers = workers;
    }

    @Override
    public void cluster(Sketch sketch) {
        if (factors.isPresent()) {
            TableClusters.byWeight(weights, factors.get(), clustering, sketch, workers);
            return;
        }
        double[] ones = new double[weights.columns()];
        Arrays.fill(ones, 1);
        TableClusters.byColumn(weights, ones, clustering, sketch, workers);
    }

    @Override
    public double map(Sketch sketch) {
        double[] errors = new double[sketch.rows()];
        workers.forEach(errors.length, i -> {
            float[] row = weights.rows(i, 1).toArray();
            float[] factor = factor(i);
            for (int j = 0; j < row.length; j++) {
                int at = i * row.length + j;
                int table = i * sketch.rowEntries() + sketch.table(j);
                sketch.codes()[at] = Sketch.nearest(sketch.tables(), table, sketch.entries(), row[j]);
                double d = row[j] - sketch.weight(i, j);
                errors[i] += factor[j] * d * d;
            }
        });
        return Arrays.stream(errors).sum();
    }

    private float[] factor(int row) {
        if (factors.isPresent()) {
            return factors.get().rows(row, 1).toArray();
        }
        float[] ones = new float[weights.columns()];
        Arrays.fill(ones, 1);
        return ones;
    }

    @Override
    public double descend(Sketch sketch) {
        return map(sketch);
    }

    @Override
    public void forEachRow(Sketch sketch, Solver solver) {
        int size = sketch.rowEntries();
        workers.forEach(sketch.rows(), i -> {
            float[] row = weights.rows(i, 1).toArray();
            float[] factor = factor(i);
            double[] a = new double[size];
            double[] b = new double[size];
            for (int j = 0; j < row.length; j++) {
                int entry = sketch.table(j) + sketch.codes()[i * row.length + j];
                a[entry] += factor[j];
                b[entry] += (double) factor[j] * row[j];
            }
            solver.solve(i, new DiagonalEquations(a, b));
        });
    }
}
