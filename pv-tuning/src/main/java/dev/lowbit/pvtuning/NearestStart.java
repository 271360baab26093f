package dev.lowbit.pvtuning;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Arrays;

/** Where a matrix starts whose codewords are given: the root mean square of a row as its scale, and codes nearest in plain L2, codebook after codebook. */
final class NearestStart {
    /** Of a row that is nothing: small enough to vanish and large enough to divide by. */
    static final double NO_SCALE = 1e-30;

    private NearestStart() {}

    /**
     * The state to start from.
     *
     * @param problem of the weights and their moment
     * @param weights rows x columns; not modified
     * @param codewords K x M x g, in units of the root mean square of a row; not modified
     */
    static LayerState of(
            LayerProblem problem,
            FloatMatrix weights,
            WeightedMoment moment,
            CodeShape shape,
            double[] codewords,
            Workers workers) {
        int width = shape.inGroup();
        Tiling tiling = shape.tiling(weights.rows(), weights.columns());
        double[] scales = new double[weights.rows()];
        double[] rest = problem.weights().clone();
        for (int row = 0; row < scales.length; row++) {
            double scale = moment.factor(row) * SampledRows.rootMeanSquare(weights, row);
            scales[row] = Math.max(scale, NO_SCALE);
            for (int i = row * tiling.columns(); i < (row + 1) * tiling.columns(); i++) {
                rest[i] /= scales[row];
            }
        }
        int books = shape.codebooks();
        ResidualTiles tiles = new ResidualTiles(rest, width, books);
        for (int m = 0; m < books; m++) {
            int length = shape.entries() * width;
            tiles.take(m, Arrays.copyOfRange(codewords, m * length, (m + 1) * length), workers);
        }
        return new LayerState(
                problem, new AdditiveWeights(tiling, books, shape.entries(), codewords.clone(), tiles.codes(), scales));
    }
}
