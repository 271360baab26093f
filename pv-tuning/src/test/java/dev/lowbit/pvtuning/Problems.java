package dev.lowbit.pvtuning;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import java.util.Arrays;

/** Random layers and weights. */
final class Problems {
    private Problems() {}

    static double[] gaussian(int count, long seed) {
        RandomStream random = RandomStream.of(seed, "test", "");
        double[] values = new double[count];
        Arrays.setAll(values, i -> random.nextGaussian());
        return values;
    }

    /** Random codes, codewords and scales from 0.5 to 1.5, one for a row of tiles or for each tile. */
    static AdditiveWeights weights(Tiling tiling, int codebooks, int entries, boolean scalePerTile, long seed) {
        RandomStream random = RandomStream.of(seed, "weights", "");
        int[] codes = new int[tiling.tiles() * codebooks];
        Arrays.setAll(codes, i -> (int) (random.nextDouble() * entries));
        double[] scales = new double[scalePerTile ? tiling.tiles() : tiling.tileRows()];
        Arrays.setAll(scales, i -> 0.5 + random.nextDouble());
        return new AdditiveWeights(
                tiling, codebooks, entries, gaussian(codebooks * entries * tiling.tileSize(), seed + 1), codes, scales);
    }

    /** W of the shape of the tiling and H = XᵀX / n of n rows. */
    static LayerProblem layer(Tiling tiling, int n, long seed) {
        return layer(tiling, n, seed, Workers.serial());
    }

    static LayerProblem layer(Tiling tiling, int n, long seed, Workers workers) {
        int columns = tiling.columns();
        double[] x = gaussian(n * columns, seed);
        double[] moment = new double[columns * columns];
        for (int i = 0; i < columns; i++) {
            for (int j = 0; j < columns; j++) {
                for (int t = 0; t < n; t++) {
                    moment[i * columns + j] += x[t * columns + i] * x[t * columns + j] / n;
                }
            }
        }
        return new LayerProblem(gaussian(tiling.size(), seed + 1), DenseMoment.of(moment, columns), workers);
    }

    /** L by value and gradient. */
    static Objective objective(LayerProblem problem) {
        return approximation -> {
            double[] delta = approximation.clone();
            for (int i = 0; i < delta.length; i++) {
                delta[i] -= problem.weights()[i];
            }
            double[] product = problem.timesMoment(delta);
            double loss = 0;
            for (int i = 0; i < product.length; i++) {
                loss += delta[i] * product[i];
                product[i] *= 2;
            }
            return new Objective.Evaluation(loss, product);
        };
    }
}
