package dev.lowbit.pvtuning;

/** Additive weights on their way to a layer's optimum, with Δ = Ŵ - W and Δ H, which every step keeps up to date. */
final class LayerState {
    private final LayerProblem problem;
    private final AdditiveWeights weights;
    private final double[] delta;
    private double[] product;

    /**
     * A state.
     *
     * @param weights used, not copied
     */
    LayerState(LayerProblem problem, AdditiveWeights weights) {
        this(problem, weights, new double[problem.weights().length]);
        recompute();
    }

    private LayerState(LayerProblem problem, AdditiveWeights weights, double[] delta) {
        if (weights.tiling().rows() != problem.rows() || weights.tiling().columns() != problem.columns()) {
            throw new IllegalArgumentException(
                    weights.tiling() + " does not cut " + problem.rows() + " x " + problem.columns() + " weights");
        }
        this.problem = problem;
        this.weights = weights;
        this.delta = delta;
    }

    /** A copy that shares the problem alone. */
    LayerState copy() {
        LayerState copy = new LayerState(problem, weights.copy(), delta.clone());
        copy.product = product.clone();
        return copy;
    }

    /** Computes Δ and Δ H from the weights, one product with H. */
    void recompute() {
        TileMap.decode(weights, weights.codewords(), delta, problem.workers());
        for (int i = 0; i < delta.length; i++) {
            delta[i] -= problem.weights()[i];
        }
        product = problem.timesMoment(delta);
    }

    /** Makes codes, Δ and Δ H of a row of tiles those of another state with the same codewords and scales. */
    void copyTileRow(LayerState other, int p) {
        Tiling tiling = weights.tiling();
        int codes = tiling.tileColumns() * weights.codebooks();
        System.arraycopy(other.weights.codes(), p * codes, weights.codes(), p * codes, codes);
        int length = tiling.outGroup() * tiling.columns();
        System.arraycopy(other.delta, p * length, delta, p * length, length);
        System.arraycopy(other.product, p * length, product, p * length, length);
    }

    LayerProblem problem() {
        return problem;
    }

    /** Live; whoever changes them changes Δ and Δ H too. */
    AdditiveWeights weights() {
        return weights;
    }

    /** Δ, O x I; live. */
    double[] delta() {
        return delta;
    }

    /** Δ H, O x I, half the gradient of L with respect to Ŵ; live. */
    double[] product() {
        return product;
    }

    /** L of every row of tiles. */
    double[] tileRowLosses() {
        double[] losses = new double[weights.tiling().tileRows()];
        int length = weights.tiling().outGroup() * problem.columns();
        for (int p = 0; p < losses.length; p++) {
            double sum = 0;
            for (int i = p * length; i < (p + 1) * length; i++) {
                sum += delta[i] * product[i];
            }
            losses[p] = sum;
        }
        return losses;
    }

    /** L. */
    double loss() {
        double sum = 0;
        for (double loss : tileRowLosses()) {
            sum += loss;
        }
        return sum;
    }
}
