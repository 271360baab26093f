package dev.lowbit.int2lrec;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.DoubleGemm;
import dev.lowbit.tensor.FloatMatrix;

/**
 * The loss of layer-level LREC (INT2.1, arXiv 2306.08162, first version of its code) and its gradients, in double: with c = α / r and
 * D = X Eᵀ - c X Aᵀ Bᵀ
 *
 * <pre>
 *   squared: f = ||D||² / N    ∂f/∂B = -(2c/N) Dᵀ X Aᵀ    ∂f/∂A = -(2c/N) Bᵀ Dᵀ X
 *   norm:    f = ||D||         the same with 1/||D|| in place of 2/N, 0 where D = 0
 * </pre>
 *
 * <table>
 * <caption>Letters</caption>
 * <tr><th>letter</th><th>name</th><th>shape</th></tr>
 * <tr><td>E</td><td>residual W - Q</td><td>m x n</td></tr>
 * <tr><td>X</td><td>inputs, known by XᵀX and their number N alone: Dᵀ X = (E - c B A) XᵀX</td><td>N x n</td></tr>
 * <tr><td>B, A</td><td>the adapter</td><td>m x r, r x n</td></tr>
 * </table>
 *
 * <p>E XᵀX is computed once; an evaluation costs r n² + 2 m n r multiply-adds, whatever N is.
 */
public final class LayerObjective {
    /** What is minimised. */
    public enum Loss {
        /** ||D||² / N. */
        SQUARED,
        /** ||D||, as the published code has it. */
        NORM
    }

    private final int m;
    private final int n;
    private final double scaling;
    private final Loss loss;
    private final SecondMoment moment;
    private final double[] turned;
    private final double base;
    private final Workers workers;

    /**
     * The objective of one layer.
     *
     * @param residual E, m x n; not modified, not kept
     * @param scaling c, positive
     */
    public LayerObjective(FloatMatrix residual, SecondMoment moment, double scaling, Loss loss, Workers workers) {
        this(widened(residual), residual.rows(), moment, scaling, loss, workers);
    }

    LayerObjective(double[] residual, int m, SecondMoment moment, double scaling, Loss loss, Workers workers) {
        this.m = m;
        this.n = moment.n();
        LayerError.requireColumns(m == 0 ? n : residual.length / m, moment);
        if (!(scaling > 0)) {
            throw new IllegalArgumentException("the scaling of an adapter is positive, got " + scaling);
        }
        this.scaling = scaling;
        this.loss = loss;
        this.moment = moment;
        this.workers = workers;
        this.turned =
                DoubleGemm.product(DoubleGemm.of(residual, n), m, DoubleGemm.of(moment.values(), n), n, n, workers);
        double sum = 0;
        for (int i = 0; i < residual.length; i++) {
            sum += residual[i] * turned[i];
        }
        this.base = sum;
    }

    private static double[] widened(FloatMatrix matrix) {
        float[] floats = matrix.toArray();
        double[] values = new double[floats.length];
        for (int i = 0; i < floats.length; i++) {
            values[i] = floats[i];
        }
        return values;
    }

    /** m. */
    public int rows() {
        return m;
    }

    /** n. */
    public int columns() {
        return n;
    }

    /** c. */
    public double scaling() {
        return scaling;
    }

    /**
     * A loss and its gradients.
     *
     * @param loss f
     * @param error ||D||², the layer's error
     * @param left ∂f/∂B, m x r row-major
     * @param right ∂f/∂A, r x n row-major
     */
    public record Evaluation(double loss, double error, double[] left, double[] right) {}

    /**
     * The loss at an adapter.
     *
     * @param left B, m x r row-major; not modified
     * @param right A, r x n row-major; not modified
     */
    public Evaluation evaluate(double[] left, double[] right) {
        int r = n == 0 ? 0 : right.length / n;
        DoubleGemm.Source a = DoubleGemm.of(right, n);
        DoubleGemm.Source transposedA = DoubleGemm.ofTransposed(right, n);
        DoubleGemm.Source transposedB = DoubleGemm.ofTransposed(left, r);
        double[] turnedA = DoubleGemm.product(a, r, DoubleGemm.of(moment.values(), n), n, n, workers);
        double[] cross = DoubleGemm.product(DoubleGemm.of(turned, n), m, transposedA, r, n, workers);
        double[] inner = DoubleGemm.product(DoubleGemm.of(turnedA, n), r, transposedA, r, n, workers);
        double[] fitted = DoubleGemm.product(DoubleGemm.of(left, r), m, DoubleGemm.of(inner, r), r, r, workers);
        double error = base;
        for (int i = 0; i < left.length; i++) {
            error += scaling * left[i] * (scaling * fitted[i] - 2 * cross[i]);
        }
        error = Math.max(0, error);
        double slope = slope(error);
        double[] leftGradient = cross;
        for (int i = 0; i < left.length; i++) {
            leftGradient[i] = slope * (cross[i] - scaling * fitted[i]);
        }
        double[] gram = DoubleGemm.product(transposedB, r, DoubleGemm.of(left, r), r, m, workers);
        double[] rightGradient = DoubleGemm.product(transposedB, r, DoubleGemm.of(turned, n), n, m, workers);
        double[] fittedA = DoubleGemm.product(DoubleGemm.of(gram, r), r, DoubleGemm.of(turnedA, n), n, r, workers);
        for (int i = 0; i < right.length; i++) {
            rightGradient[i] = slope * (rightGradient[i] - scaling * fittedA[i]);
        }
        double value = loss == Loss.SQUARED ? error / moment.tokens() : Math.sqrt(error);
        return new Evaluation(value, error, leftGradient, rightGradient);
    }

    private double slope(double error) {
        if (loss == Loss.SQUARED) {
            return -2 * scaling / moment.tokens();
        }
        return error == 0 ? 0 : -scaling / Math.sqrt(error);
    }
}
