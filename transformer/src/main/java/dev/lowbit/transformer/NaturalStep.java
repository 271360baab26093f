package dev.lowbit.transformer;

import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.ValueLayout;

/**
 * One step of a matrix along its natural gradient: the mean gradient over a Kronecker-factored diagonal of the Fisher matrix, which for a linear layer is
 * E[dy_i²] E[x_j²] (K-FAC, arXiv 1503.05671; factored as in Adafactor, arXiv 1804.04235). With G the gradient at step t, R x C:
 *
 * <pre>
 *   m = β1 m + (1-β1) G      r_i = β2 r_i + (1-β2) mean_j G_ij²      c_j = β2 c_j + (1-β2) mean_i G_ij²
 *   g² = mean_i r_i          F_ij = r_i c_j / g²                     all debiased by 1 - β^t
 *   θ_ij = θ_ij - lr m_ij g / (F_ij + damping g²)
 * </pre>
 *
 * <p>So a step is lr where the curvature is what it is on average, as with Adam, but unlike Adam's it keeps what the gradients of a row and a column
 * are to each other, and needs R + C numbers for curvature instead of R C.
 */
final class NaturalStep {
    /** Share of the mean curvature that keeps rows and columns without any from going far. */
    static final double DAMPING = 1e-2;

    private NaturalStep() {}

    /**
     * Takes the step.
     *
     * @param state its square is 1 x (R + C), r before c; modified
     * @param values modified
     * @param gradient same shape; not modified
     */
    static void apply(
            Adam.Settings settings, Adam.Moments state, FloatMatrix values, FloatMatrix gradient, double learningRate) {
        int rows = values.rows();
        int columns = values.columns();
        double[] ofRows = new double[rows];
        double[] ofColumns = new double[columns];
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                double g = get(gradient, (long) row * columns + column);
                ofRows[row] += g * g;
                ofColumns[column] += g * g;
            }
        }
        double squareScale = 1 / (1 - StrictMath.pow(settings.beta2(), state.steps()));
        double mean = 0;
        for (int row = 0; row < rows; row++) {
            ofRows[row] = squareScale * decayed(settings, state.square(), row, ofRows[row] / columns);
            mean += ofRows[row] / rows;
        }
        for (int column = 0; column < columns; column++) {
            ofColumns[column] =
                    squareScale * decayed(settings, state.square(), rows + column, ofColumns[column] / rows);
        }
        double size = Math.sqrt(mean);
        double meanScale = 1 / (1 - StrictMath.pow(settings.beta1(), state.steps()));
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                long i = (long) row * columns + column;
                double momentum = settings.beta1() * get(state.mean(), i) + (1 - settings.beta1()) * get(gradient, i);
                set(state.mean(), i, momentum);
                double curvature = ofRows[row] * ofColumns[column] / mean + DAMPING * mean;
                if (curvature > 0) {
                    set(values, i, get(values, i) - learningRate * momentum * meanScale * size / curvature);
                }
            }
        }
    }

    private static double decayed(Adam.Settings settings, FloatMatrix squares, int i, double square) {
        double decayed = settings.beta2() * get(squares, i) + (1 - settings.beta2()) * square;
        set(squares, i, decayed);
        return decayed;
    }

    private static double get(FloatMatrix m, long i) {
        return m.segment().getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i);
    }

    private static void set(FloatMatrix m, long i, double value) {
        m.segment().setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i, (float) value);
    }
}
