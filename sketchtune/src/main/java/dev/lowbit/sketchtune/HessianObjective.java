package dev.lowbit.sketchtune;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.tensor.FloatMatrix;

/** Σ_i d_i (H + λ I) d_iᵀ with d_i = row i of W - Ŵ: errors may cancel out in a layer's outputs. */
final class HessianObjective implements RowObjective {
    private final FloatMatrix weights;
    private final Curvature curvature;
    private final Clustering clustering;
    private final double[] columnWeights;
    private final Workers workers;
    /** W H, once somebody asks for it. */
    private FloatMatrix products;

    /**
     * The objective of a layer.
     *
     * @param weights W, m x n, finite, 0 in dead columns; not modified, readable as long as this is used
     * @param curvature H; as long
     * @param exponent p of the column weights
     */
    HessianObjective(
            FloatMatrix weights, Curvature curvature, Clustering clustering, double exponent, Workers workers) {
        this.weights = weights;
        this.curvature = curvature;
        this.clustering = clustering;
        this.columnWeights = curvature.columnWeights(exponent);
        this.workers = workers;
    }

    @Override
    public void cluster(Sketch sketch) {
        TableClusters.byColumn(weights, columnWeights, clustering, sketch, workers);
    }

    @Override
    public double map(Sketch sketch) {
        return MappingSweep.apply(weights, curvature, sketch, workers);
    }

    @Override
    public double descend(Sketch sketch) {
        double sum = 0;
        for (double row : CodeDescent.apply(weights, curvature.matrix(), sketch, workers)) {
            sum += row;
        }
        return sum;
    }

    @Override
    public void forEachRow(Sketch sketch, Solver solver) {
        if (products == null) {
            products = FloatMatrix.allocate(weights.rows(), weights.columns());
            Gemm.multiply(weights, false, curvature.matrix(), false, products, Gemm.Mode.SET, workers);
        }
        NormalEquations.forEachRow(products, curvature.matrix(), sketch, solver, workers);
    }

    @Override
    public void close() {
        if (products != null) {
            products.close();
        }
    }
}
