package dev.lowbit.pvtuning;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.DoubleGemm;
import dev.lowbit.linalg.RandomStream;

/** Random problems. */
final class Layers {
    private Layers() {}

    /** W of normal numbers; X of {@code tokens} correlated tokens, so that H is singular where they are fewer than the columns. */
    static LayerProblem problem(long seed, int rows, int columns, int tokens, Workers workers) {
        return new LayerProblem(
                gaussian(seed, "weights", rows * columns),
                DenseMoment.of(moment(seed, columns, tokens), columns),
                workers);
    }

    static double[] gaussian(long seed, String purpose, int count) {
        RandomStream stream = RandomStream.of(seed, purpose, "");
        double[] values = new double[count];
        for (int i = 0; i < count; i++) {
            values[i] = stream.nextGaussian();
        }
        return values;
    }

    static double[] moment(long seed, int columns, int tokens) {
        double[] x = gaussian(seed, "tokens", tokens * columns);
        for (int i = 1; i < x.length; i++) {
            x[i] = 0.6 * x[i - 1] + 0.8 * x[i];
        }
        double[] h = DoubleGemm.product(
                DoubleGemm.ofTransposed(x, columns),
                columns,
                DoubleGemm.of(x, columns),
                columns,
                tokens,
                Workers.serial());
        for (int i = 0; i < h.length; i++) {
            h[i] /= tokens;
        }
        return h;
    }

    /** A start of few rounds. */
    static AdditiveWeights start(LayerProblem problem, Tiling tiling, int codebooks, int entries, long seed) {
        return new ResidualInit(5, Integer.MAX_VALUE)
                .of(
                        problem.weights(),
                        tiling,
                        codebooks,
                        entries,
                        RandomStream.of(seed, "start", ""),
                        problem.workers());
    }
}
