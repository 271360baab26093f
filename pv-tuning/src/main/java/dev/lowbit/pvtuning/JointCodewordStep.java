package dev.lowbit.pvtuning;

import java.util.List;

/**
 * {@link CodewordStep} for layers that share their codewords: conjugate gradients on Σ u L over all of them, u what a unit of a layer's loss costs. The
 * layers keep copies of the codewords that stay equal to the bit.
 */
final class JointCodewordStep {
    /** As in {@link CodewordStep}: less curvature than this part of what single tiles have is rounding. */
    private static final double NOISE = 1e-10;

    private final List<SharedLayer> layers;

    private JointCodewordStep(List<SharedLayer> layers) {
        this.layers = layers;
    }

    /**
     * A layer of a model.
     *
     * @param state modified by the step
     * @param unit u, positive
     */
    record SharedLayer(LayerState state, double unit) {}

    /**
     * Takes so many iterations, or fewer where the gradient vanishes.
     *
     * @param layers all with the same codewords; modified
     */
    static void apply(List<SharedLayer> layers, int iterations) {
        new JointCodewordStep(layers).run(iterations);
    }

    private void run(int iterations) {
        double[] preconditioner = inverseDiagonal();
        double[] direction = new double[preconditioner.length];
        double before = 0;
        for (int iteration = 0; iteration < iterations; iteration++) {
            double[] gradient = gradient();
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
            double curvature = 0;
            double diagonal = 0;
            for (SharedLayer layer : layers) {
                double[] image = image(layer, direction);
                curvature += layer.unit() * dot(image, layer.state().problem().timesMoment(image));
                diagonal += layer.unit() * diagonalNorm(image, layer.state().problem());
            }
            double step = slope / curvature;
            if (!(curvature > NOISE * diagonal) || !(slope > 0) || !Double.isFinite(step)) {
                return;
            }
            for (SharedLayer layer : layers) {
                double[] codewords = layer.state().weights().codewords();
                for (int i = 0; i < codewords.length; i++) {
                    codewords[i] += step * direction[i];
                }
                layer.state().recompute();
            }
        }
    }

    /** Half of it: Σ u Aᵀ(Δ H). */
    private double[] gradient() {
        double[] sum = null;
        for (SharedLayer layer : layers) {
            LayerState state = layer.state();
            double[] own = TileMap.adjoint(
                    state.weights(), state.product(), state.problem().workers());
            sum = sum == null ? new double[own.length] : sum;
            for (int i = 0; i < own.length; i++) {
                sum[i] += layer.unit() * own[i];
            }
        }
        return sum;
    }

    private static double[] image(SharedLayer layer, double[] direction) {
        LayerState state = layer.state();
        double[] image = new double[state.delta().length];
        TileMap.decode(state.weights(), direction, image, state.problem().workers());
        return image;
    }

    /** 1 / Σ u s² H_cc over a codeword's users; 0 for what nothing uses or no input meets. */
    private double[] inverseDiagonal() {
        double[] diagonal = new double[layers.getFirst().state().weights().codewords().length];
        layers.forEach(layer -> addDiagonal(layer, diagonal));
        for (int i = 0; i < diagonal.length; i++) {
            diagonal[i] = diagonal[i] > 0 ? 1 / diagonal[i] : 0;
        }
        return diagonal;
    }

    private static void addDiagonal(SharedLayer layer, double[] diagonal) {
        AdditiveWeights weights = layer.state().weights();
        Tiling tiling = weights.tiling();
        double[] h = layer.state().problem().moment();
        int width = tiling.inGroup();
        for (int tile = 0; tile < tiling.tiles(); tile++) {
            int p = tile / tiling.tileColumns();
            int q = tile % tiling.tileColumns();
            double scale = weights.scales()[weights.scaleAt(p, q)];
            for (int m = 0; m < weights.codebooks(); m++) {
                int to = weights.at(m, weights.codes()[tile * weights.codebooks() + m]);
                for (int i = 0; i < tiling.tileSize(); i++) {
                    int column = q * width + i % width;
                    diagonal[to + i] += layer.unit() * scale * scale * h[column * tiling.columns() + column];
                }
            }
        }
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
}
