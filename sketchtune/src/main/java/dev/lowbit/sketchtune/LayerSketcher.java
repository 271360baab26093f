package dev.lowbit.sketchtune;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.tensor.FloatMatrix;

/**
 * The sketch of a layer with a Hessian: clusters, then codes by error feedback, then in turn tables solved for the codes and codes that descend for the
 * tables, as long as that pays. From the first solution on no step raises tr (W - Ŵ)(H + λ I)(W - Ŵ)ᵀ, but for rounding.
 */
final class LayerSketcher {
    /** Rounds go on while one takes this share of the error away. */
    private static final double GAIN = 2e-3;

    private final FloatMatrix weights;
    private final Curvature curvature;
    private final Workers workers;

    /**
     * A layer.
     *
     * @param weights W, m x n, finite, 0 in dead columns; not modified
     */
    LayerSketcher(FloatMatrix weights, Curvature curvature, Workers workers) {
        this.weights = weights;
        this.curvature = curvature;
        this.workers = workers;
    }

    /** Learns a sketch. */
    Sketch learn(SketchSettings settings) {
        Sketch sketch = Sketch.empty(weights.rows(), weights.columns(), settings.groups(), settings.entries());
        double[] columnWeights = curvature.columnWeights(settings.exponent());
        TableClusters.byColumn(weights, columnWeights, settings.clustering(), sketch, workers);
        double error = MappingSweep.apply(weights, curvature, sketch, workers);
        if (settings.refits() > 0) {
            improve(sketch, error, settings.refits());
        }
        return sketch;
    }

    private void improve(Sketch sketch, double before, int refits) {
        try (FloatMatrix products = products()) {
            double error = before;
            for (int i = 0; i < refits; i++) {
                if (i > 0) {
                    double now = sum(CodeDescent.apply(weights, curvature.matrix(), sketch, workers));
                    if (!(now < error * (1 - GAIN))) {
                        break;
                    }
                    error = now;
                }
                NormalEquations.forEachRow(
                        products,
                        curvature.matrix(),
                        sketch,
                        (row, a, b) -> NormalEquations.solve(a, b, sketch.tables(), row * sketch.rowEntries()),
                        workers);
            }
        }
    }

    /** W H, in memory that the caller closes. */
    FloatMatrix products() {
        FloatMatrix products = FloatMatrix.allocate(weights.rows(), weights.columns());
        Gemm.multiply(weights, false, curvature.matrix(), false, products, Gemm.Mode.SET, workers);
        return products;
    }

    static double sum(double[] values) {
        double sum = 0;
        for (double value : values) {
            sum += value;
        }
        return sum;
    }
}
