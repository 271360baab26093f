package dev.lowbit.pvtuning;

import java.util.ArrayList;
import java.util.List;

/**
 * Better codewords, codes and scales fixed, of one layer or of several that share them: Σ u L, u what a unit of a layer's loss costs, is a convex
 * quadratic of C with half the gradient Σ u Aᵀ(Δ H), and conjugate gradients lower it in every iteration, so they may stop anywhere. The preconditioner
 * is the diagonal of Σ u Aᵀ H A as far as it comes from single tiles, Σ u s² H_cc over a codeword's users, which weighs use counts by what a use costs.
 * Layers keep copies of the codewords that stay equal to the bit.
 */
final class CodewordStep {
    /**
     * What of Σ u d² H_cc a direction's Σ u d H dᵀ has to exceed: less is rounding, of a direction that no input sees, and a step along it would
     * make codewords endless.
     */
    private static final double NOISE = 1e-10;

    /** What an iteration has to take off L, as a part of it, for another to follow: its product buys more in the next beam search. */
    private static final double SMALLEST_GAIN = 2e-4;

    private final List<Layer> layers;
    private final double[] preconditioner;
    private final double[] direction;
    /** The direction in the weights of every layer. */
    private final List<double[]> images;

    private double before;

    private CodewordStep(List<Layer> layers) {
        this.layers = layers;
        this.preconditioner = inverseDiagonal();
        this.direction = new double[preconditioner.length];
        this.images = layers.stream()
                .map(layer -> new double[layer.state().delta().length])
                .toList();
    }

    /**
     * A layer with a share in codewords.
     *
     * @param state modified by the step
     * @param unit u, positive
     */
    record Layer(LayerState state, double unit) {}

    /**
     * Takes so many iterations for one layer, each one product with H, or fewer where they no longer pay.
     *
     * @param state modified
     */
    static void apply(LayerState state, int iterations) {
        new CodewordStep(List.of(new Layer(state, 1))).run(iterations, SMALLEST_GAIN * state.loss());
    }

    /**
     * Takes so many iterations for layers that share their codewords, or fewer where the gradient vanishes.
     *
     * @param layers all with the same codewords; modified
     */
    static void apply(List<Layer> layers, int iterations) {
        new CodewordStep(layers).run(iterations, 0);
    }

    private void run(int iterations, double enough) {
        for (int iteration = 0; iteration < iterations; iteration++) {
            double slope = turn(gradient());
            List<double[]> products = new ArrayList<>();
            double curvature = 0;
            double diagonal = 0;
            for (int i = 0; i < layers.size(); i++) {
                Layer layer = layers.get(i);
                LayerProblem problem = layer.state().problem();
                double[] image = images.get(i);
                TileMap.decode(layer.state().weights(), direction, image, problem.workers());
                double[] product = problem.timesMoment(image);
                curvature += layer.unit() * dot(image, product);
                diagonal += layer.unit() * diagonalNorm(image, problem);
                products.add(product);
            }
            double step = slope / curvature;
            if (!(curvature > NOISE * diagonal) || !(slope > 0) || !Double.isFinite(step)) {
                return;
            }
            for (int i = 0; i < layers.size(); i++) {
                LayerState state = layers.get(i).state();
                addScaled(state.weights().codewords(), step, direction);
                addScaled(state.delta(), step, images.get(i));
                addScaled(state.product(), step, products.get(i));
            }
            // This took slope² / curvature off L.
            if (step * slope < enough) {
                return;
            }
        }
    }

    /** The next direction; what it has of the gradient downwards. */
    private double turn(double[] gradient) {
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
        return slope;
    }

    /** Half of it. */
    private double[] gradient() {
        double[] sum = new double[direction.length];
        for (Layer layer : layers) {
            LayerState state = layer.state();
            addScaled(
                    sum,
                    layer.unit(),
                    TileMap.adjoint(
                            state.weights(), state.product(), state.problem().workers()));
        }
        return sum;
    }

    /** 1 / Σ u s² H_cc of every coordinate; 0 for those that nothing uses or that no input meets. */
    private double[] inverseDiagonal() {
        double[] diagonal = new double[layers.getFirst().state().weights().codewords().length];
        layers.forEach(layer -> addDiagonal(layer, diagonal));
        for (int i = 0; i < diagonal.length; i++) {
            diagonal[i] = diagonal[i] > 0 ? 1 / diagonal[i] : 0;
        }
        return diagonal;
    }

    private static void addDiagonal(Layer layer, double[] diagonal) {
        AdditiveWeights weights = layer.state().weights();
        Tiling tiling = weights.tiling();
        InputMoment h = layer.state().problem().moment();
        int width = tiling.inGroup();
        int tile = 0;
        for (int p = 0; p < tiling.tileRows(); p++) {
            for (int q = 0; q < tiling.tileColumns(); q++, tile++) {
                double scale = weights.scales()[weights.scaleAt(p, q)];
                for (int m = 0; m < weights.codebooks(); m++) {
                    int to = weights.at(m, weights.codes()[tile * weights.codebooks() + m]);
                    for (int i = 0; i < tiling.tileSize(); i++) {
                        int column = q * width + i % width;
                        diagonal[to + i] += layer.unit() * scale * scale * h.at(column, column);
                    }
                }
            }
        }
    }

    private static double diagonalNorm(double[] image, LayerProblem problem) {
        int columns = problem.columns();
        double sum = 0;
        for (int i = 0; i < image.length; i++) {
            int column = i % columns;
            sum += image[i] * image[i] * problem.moment().at(column, column);
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
