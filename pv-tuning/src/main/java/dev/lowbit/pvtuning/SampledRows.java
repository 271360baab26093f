package dev.lowbit.pvtuning;

import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Norms;
import dev.lowbit.method.ModelWeights;
import dev.lowbit.tensor.FloatMatrix;
import java.util.ArrayList;
import java.util.List;

/** Evenly spaced rows of all matrices of a model, each in units of its root mean square, and what errors in them cost: what shared codebooks are learned from. */
final class SampledRows {
    /** Weights of the sample, about. */
    private static final long SIZE = 1 << 20;

    private final List<float[]> rows = new ArrayList<>();
    private final List<float[]> costs = new ArrayList<>();

    private SampledRows() {}

    static SampledRows of(ModelWeights model) {
        SampledRows sample = new SampledRows();
        long total =
                model.matrices().stream().mapToLong(ModelWeights.Shape::weights).sum();
        for (ModelWeights.Shape matrix : model.matrices()) {
            double share = Math.min(1, (double) SIZE / total);
            int count = Math.clamp(Math.round(share * matrix.rows()), 1, matrix.rows());
            model.visit(matrix, (weights, importance) -> sample.add(weights, importance, count));
        }
        return sample;
    }

    private void add(FloatMatrix weights, Importance importance, int count) {
        FloatMatrix diagonal = importance.diagonal().orElse(null);
        for (int i = 0; i < count; i++) {
            int row = (int) ((long) i * weights.rows() / count);
            double scale = rootMeanSquare(weights, row);
            if (scale == 0) {
                continue;
            }
            float[] values = new float[weights.columns()];
            float[] cost = new float[weights.columns()];
            for (int j = 0; j < values.length; j++) {
                values[j] = (float) (weights.get(row, j) / scale);
                // squares of large weights are beyond a float; among such rows all cost the same
                cost[j] = (float)
                        Math.min(Float.MAX_VALUE, scale * scale * (diagonal == null ? 1 : diagonal.get(row, j)));
            }
            rows.add(values);
            costs.add(cost);
        }
    }

    /** The unit of a row. */
    static double rootMeanSquare(FloatMatrix weights, int row) {
        return Math.sqrt(Norms.sumOfSquares(weights.rows(row, 1), Workers.serial()) / weights.columns());
    }

    /**
     * Groups of weights.
     *
     * @param values count x width, row-major
     * @param costs what a squared error in each group costs
     */
    record Groups(double[] values, double[] costs) {}

    /** The sample cut into whole groups; a row that is shorter is filled up with zeros. */
    Groups groups(int width) {
        int count = rows.stream().mapToInt(row -> groups(row, width)).sum();
        double[] values = new double[count * width];
        double[] groupCosts = new double[count];
        int group = 0;
        for (int i = 0; i < rows.size(); i++) {
            float[] row = rows.get(i);
            for (int q = 0; q < groups(row, width); q++, group++) {
                for (int c = 0; c < width && q * width + c < row.length; c++) {
                    values[group * width + c] = row[q * width + c];
                    groupCosts[group] += costs.get(i)[q * width + c] / width;
                }
            }
        }
        return new Groups(values, groupCosts);
    }

    private static int groups(float[] row, int width) {
        return Math.max(1, row.length / width);
    }
}
