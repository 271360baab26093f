package dev.lowbit.pvtuning;

import dev.lowbit.kernel.Workers;

/**
 * Better codewords, codes and scales fixed: L is a convex quadratic of C with half the gradient Aᵀ(Δ H), and conjugate gradients lower it in
 * every iteration, so they may stop anywhere. The preconditioner is the diagonal of Aᵀ H A as far as it comes from single tiles, Σ s² H_cc
 * over a codeword's users, which weighs use counts by what a use costs.
 */
final class CodewordStep {
    /**
     * What of Σ d² H_cc a direction's d H dᵀ has to exceed: less is rounding, of a direction that no input sees, and a step along it would make
     * codewords endless.
     */
    private static final double NOISE = 1e-10;

    /** What an iteration has to take off L, as a part of it, for another to follow: its product buys more in the next beam search. */
    private static final double SMALLEST_GAIN = 2e-4;

    private CodewordStep() {}

    /**
     * Takes so many iterations, each one product of O x I by I x I, or fewer where they no longer pay.
     *
     * @param state modified
     */
    static void apply(LayerState state, int iterations) {
        double enough = SMALLEST_GAIN * state.loss();
        AdditiveWeights weights = state.weights();
        LayerProblem problem = state.problem();
        Workers workers = problem.workers();
        double[] preconditioner = inverseDiagonal(weights, problem.moment());
        double[] direction = new double[preconditioner.length];
        double[] image = new double[state.delta().length];
        double before = 0;
        for (int iteration = 0; iteration < iterations; iteration++) {
            double[] gradient = TileMap.adjoint(weights, state.product(), workers);
            double squares = 0;
            for (int i = 0; i < gradient.length; i++) {
                squares += gradient[i] * gradient[i] * preconditioner[i];
            }
            double momentum = before > 0 ? squares / before : 0;
            double slope = 0;
            for (int i = 0; i < direction.length; i++) {
                direction[i] = momentum * direction[i] - preconditioner[i] * gradient[i];
                slope -= direction[i] * gradient[i];
            }
            before = squares;
            TileMap.decode(weights, direction, image, workers);
            double[] product = problem.timesMoment(image);
            double curvature = dot(image, product);
            double step = slope / curvature;
            if (!(curvature > NOISE * diagonalNorm(image, problem)) || !(slope > 0) || !Double.isFinite(step)) {
                return;
            }
            addScaled(weights.codewords(), step, direction);
            addScaled(state.delta(), step, image);
            addScaled(state.product(), step, product);
            // This took slope² / curvature off L.
            if (step * slope < enough) {
                return;
            }
        }
    }

    /** 1 / Σ s² H_cc of every coordinate; 0 for those that nothing uses or that no input meets. */
    private static double[] inverseDiagonal(AdditiveWeights weights, double[] h) {
        Tiling tiling = weights.tiling();
        int width = tiling.inGroup();
        double[] diagonal = new double[weights.codewords().length];
        int tile = 0;
        for (int p = 0; p < tiling.tileRows(); p++) {
            for (int q = 0; q < tiling.tileColumns(); q++, tile++) {
                double scale = weights.scales()[weights.scaleAt(p, q)];
                for (int m = 0; m < weights.codebooks(); m++) {
                    int to = weights.at(m, weights.codes()[tile * weights.codebooks() + m]);
                    for (int i = 0; i < tiling.tileSize(); i++) {
                        int column = q * width + i % width;
                        diagonal[to + i] += scale * scale * h[column * tiling.columns() + column];
                    }
                }
            }
        }
        for (int i = 0; i < diagonal.length; i++) {
            diagonal[i] = diagonal[i] > 0 ? 1 / diagonal[i] : 0;
        }
        return diagonal;
    }

    private static double diagonalNorm(double[] image, LayerProblem problem) {
        int columns = problem.columns();
        double sum = 0;
        for (int i = 0; i < image.length; i++) {
            int column = i % columns;
            sum += image[i] * image[i] * problem.moment()[column * columns + column];
        }
        return sum;
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }

    private static void addScaled(double[] to, double factor, double[] from) {
        for (int i = 0; i < to.length; i++) {
            to[i] += factor * from[i];
        }
    }
}
