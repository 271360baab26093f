package dev.lowbit.sketchtune;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.importance.DampedFactor;
import dev.lowbit.importance.Hessian;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * What all rows of a layer share: H with damping, an order of the columns, and the factor that the sweep of errors goes by.
 *
 * <pre>
 *   H + λ I, dead columns with 1 on the diagonal;   in the order of the sweep:  H = R Rᵀ, R upper triangular;   a_j = R_jjᵖ
 * </pre>
 *
 * <p>R_jj² is what an error of column j costs when all columns after it make good what they can (the U_jj of LeanQuant is its inverse), so it is
 * what a value of that column weighs in its cluster: exactly so with the exponent p = 2.
 */
final class Curvature implements AutoCloseable {
    /** For what is damped already: only rounding may need more. */
    private static final double NO_DAMPING = 1e-12;

    private final int n;
    private final int[] order;
    private final boolean[] dead;
    private final FloatMatrix matrix;
    private final FloatMatrix factor;
    private final double lambda;
    private final double damping;

    private Curvature(
            int n, int[] order, boolean[] dead, FloatMatrix matrix, FloatMatrix factor, double lambda, double damping) {
        this.n = n;
        this.order = order;
        this.dead = dead;
        this.matrix = matrix;
        this.factor = factor;
        this.lambda = lambda;
        this.damping = damping;
    }

    /**
     * Factors with the least of damping, 10 damping, ... 1 that makes H positive definite beyond rounding.
     *
     * @param moment H, n x n, row-major, symmetric, positive semidefinite; not modified
     * @param damping share of the mean diagonal that is added to the diagonal
     * @param actOrder whether columns of a large diagonal come first, stable; else from left to right
     * @throws InvalidRequestException (impossible) when no damping helps
     */
    static Curvature of(double[] moment, int n, double damping, boolean actOrder, Workers workers) {
        boolean[] dead = new boolean[n];
        for (int j = 0; j < n; j++) {
            dead[j] = moment[j * n + j] == 0;
        }
        int[] order = order(moment, n, actOrder);
        double[] reversed = new double[n * n];
        for (int i = 0; i < n; i++) {
            int row = order[n - 1 - i];
            for (int j = 0; j <= i; j++) {
                reversed[i * n + j] = moment[row * n + order[n - 1 - j]];
            }
            if (dead[row]) {
                reversed[i * n + i] = 1;
            }
        }
        DampedFactor factor = DampedFactor.of(reversed, n, damping, workers);
        return new Curvature(
                n,
                order,
                dead,
                damped(moment, n, dead, factor.lambda()),
                Hessian.reversed(factor.cholesky()),
                factor.lambda(),
                factor.damping());
    }

    /** That of an importance, which is damped already. */
    static Curvature of(Hessian hessian, Workers workers) {
        return of(hessian.matrix(workers), hessian.factor().columns(), NO_DAMPING, true, workers);
    }

    private static int[] order(double[] moment, int n, boolean actOrder) {
        IntStream columns = IntStream.range(0, n);
        return actOrder
                ? columns.boxed()
                        .sorted(Comparator.comparingDouble(j -> -(moment[j * n + j] == 0 ? 1 : moment[j * n + j])))
                        .mapToInt(Integer::intValue)
                        .toArray()
                : columns.toArray();
    }

    private static FloatMatrix damped(double[] moment, int n, boolean[] dead, double lambda) {
        FloatMatrix damped = FloatMatrix.allocate(n, n);
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                double value = moment[i * n + j];
                damped.set(i, j, (float) (i == j ? (dead[i] ? 1 : value) + lambda : value));
            }
        }
        return damped;
    }

    /** Columns. */
    int n() {
        return n;
    }

    /** The original column at every place of the sweep; not a copy. */
    int[] order() {
        return order;
    }

    /** Whether nothing is known of a column, because its inputs were all zero: its weight is taken as 0. */
    boolean isDead(int column) {
        return dead[column];
    }

    /** H with damping, n x n, columns in their original order. */
    FloatMatrix matrix() {
        return matrix;
    }

    /** R, n x n, columns in the order of the sweep. */
    FloatMatrix factor() {
        return factor;
    }

    /** λ. */
    double lambda() {
        return lambda;
    }

    /** The share of the mean diagonal that was needed. */
    double damping() {
        return damping;
    }

    /** a, what a value of each column weighs, in the original order. */
    double[] columnWeights(double exponent) {
        double[] weights = new double[n];
        for (int place = 0; place < n; place++) {
            weights[order[place]] = StrictMath.pow(factor.get(place, place), exponent);
        }
        return weights;
    }

    @Override
    public void close() {
        matrix.close();
        factor.close();
    }
}
