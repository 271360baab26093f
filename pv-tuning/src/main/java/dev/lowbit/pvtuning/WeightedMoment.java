package dev.lowbit.pvtuning;

import dev.lowbit.importance.Hessian;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Arrays;

/**
 * An importance as u Σ_i f_i² δ_i H δ_iᵀ, f² about 1. For a Hessian that is what it is, for none H = I and f = 1; a Fisher diagonal F becomes the product of its row sums and its column
 * sums over the sum of all, because H is one for all rows.
 *
 * <p>A factor belongs to a row's weights and its scale alike, so codes and codewords of f_i w_i are those of w_i: {@link #problem} has weights
 * and scales that are f times the true ones.
 */
final class WeightedMoment {
    /** Of the mean importance of rows: less is taken for this, so that rows that hardly count stay defined. */
    private static final double LEAST = 1e-6;

    private final InputMoment moment;
    private final double[] factors;
    private final double unit;

    private WeightedMoment(InputMoment moment, double[] rowImportance) {
        this.moment = moment;
        double mean = Arrays.stream(rowImportance).average().orElseThrow();
        this.unit = mean > 0 ? mean : 1;
        this.factors = new double[rowImportance.length];
        Arrays.setAll(factors, i -> mean > 0 ? Math.sqrt(Math.max(rowImportance[i] / mean, LEAST)) : 1);
    }

    /** The importance of a rows x columns matrix. */
    static WeightedMoment of(Importance importance, int rows, int columns, Workers workers) {
        return switch (importance) {
            case Importance.Uniform uniform -> {
                double[] alike = new double[rows];
                Arrays.fill(alike, 1);
                yield new WeightedMoment(DiagonalMoment.identity(columns), alike);
            }
            case Importance.Diagonal diagonal -> ofDiagonal(diagonal.fisher());
            case Hessian hessian -> {
                float[] outputs = hessian.outputs();
                double[] wide = new double[rows];
                Arrays.setAll(wide, i -> outputs[i]);
                yield new WeightedMoment(DenseMoment.of(hessian.matrix(workers), columns), wide);
            }
        };
    }

    private static WeightedMoment ofDiagonal(FloatMatrix fisher) {
        double[] byRow = new double[fisher.rows()];
        double[] byColumn = new double[fisher.columns()];
        double sum = 0;
        for (int i = 0; i < fisher.rows(); i++) {
            for (int j = 0; j < fisher.columns(); j++) {
                byRow[i] += fisher.get(i, j);
                byColumn[j] += fisher.get(i, j);
            }
            sum += byRow[i];
        }
        for (int j = 0; j < byColumn.length; j++) {
            byColumn[j] = sum > 0 ? byColumn[j] / sum : 1;
        }
        return new WeightedMoment(new DiagonalMoment(byColumn), byRow);
    }

    /** u, positive: what the loss of a {@link #problem} counts in the importance. */
    double unit() {
        return unit;
    }

    /** f of a row, positive. */
    double factor(int row) {
        return factors[row];
    }

    /**
     * The problem of weights; columns beyond the matrix are zero and no input meets them.
     *
     * @param weights rows x columns; not modified
     */
    LayerProblem problem(FloatMatrix weights, CodeShape shape, Workers workers) {
        int columns = moment.columns();
        int padded = shape.paddedColumns(columns);
        double[] scaled = new double[Math.multiplyExact(weights.rows(), padded)];
        for (int i = 0; i < weights.rows(); i++) {
            for (int j = 0; j < columns; j++) {
                scaled[i * padded + j] = factors[i] * weights.get(i, j);
            }
        }
        return new LayerProblem(scaled, padded == columns ? moment : moment.padded(padded), workers);
    }
}
