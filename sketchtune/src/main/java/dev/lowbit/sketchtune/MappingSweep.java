package dev.lowbit.sketchtune;

import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.FeedbackSweep;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Arrays;

/**
 * Codes by error feedback: column for column in the order of the curvature, each weight takes the entry of its table nearest to what is left to
 * represent there, and the error is carried to the columns behind it ({@link FeedbackSweep}).
 */
final class MappingSweep implements FeedbackSweep.Decider {
    /** Columns that are decided between two products; part of the definition of the sums. */
    private static final int PANEL = 64;

    private final Sketch sketch;
    private final int[] order;
    /** Of the column at every place of the sweep. */
    private final int[] tables;

    private MappingSweep(Sketch sketch, int[] order) {
        this.sketch = sketch;
        this.order = order;
        this.tables = new int[order.length];
        for (int place = 0; place < order.length; place++) {
            tables[place] = sketch.table(order[place]);
        }
    }

    /**
     * Sets all codes.
     *
     * @param weights W, m x n, 0 in dead columns; not modified
     * @param sketch its codes are modified (overwritten)
     * @return Σ (d R)² = tr (W - Ŵ)(H + λ I)(W - Ŵ)ᵀ
     */
    static double apply(FloatMatrix weights, Curvature curvature, Sketch sketch, Workers workers) {
        int rows = weights.rows();
        int n = weights.columns();
        float[] ones = new float[rows];
        Arrays.fill(ones, 1);
        try (FloatMatrix swept = FloatMatrix.allocate(rows, n)) {
            workers.forEach(rows, i -> {
                float[] row = weights.rows(i, 1).toArray();
                float[] ordered = new float[n];
                for (int place = 0; place < n; place++) {
                    ordered[place] = row[curvature.order()[place]];
                }
                swept.rows(i, 1).copyFrom(FloatMatrix.wrap(1, n, ordered));
            });
            return FeedbackSweep.sweep(
                    swept, curvature.factor(), ones, PANEL, new MappingSweep(sketch, curvature.order()), null, workers);
        }
    }

    @Override
    public double decide(
            int row,
            int column,
            int width,
            float[] weights,
            int offset,
            float[] carried,
            float[] triangle,
            byte[] codes,
            float[] differences) {
        double cost = 0;
        int first = row * sketch.rowEntries();
        for (int k = 0; k < width; k++) {
            int table = first + tables[column + k];
            float weight = weights[offset + k];
            double target = weight + (double) carried[k] / triangle[k * width + k];
            byte code = Sketch.nearest(sketch.tables(), table, sketch.entries(), target);
            codes[offset + k] = code;
            float difference = (float) (weight - sketch.tables()[table + code]);
            cost += FeedbackSweep.decided(k, width, difference, carried, triangle, differences);
        }
        return cost;
    }

    @Override
    public void store(int firstRow, byte[] codes) {
        int n = order.length;
        for (int from = 0; from < codes.length; from += n) {
            int to = firstRow * n + from;
            for (int place = 0; place < n; place++) {
                sketch.codes()[to + order[place]] = codes[from + place];
            }
        }
    }
}
