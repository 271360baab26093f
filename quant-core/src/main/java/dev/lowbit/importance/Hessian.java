package dev.lowbit.importance;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Cholesky;
import dev.lowbit.linalg.DoubleGemm;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.linalg.Norms;
import dev.lowbit.linalg.NotPositiveDefinite;
import dev.lowbit.tensor.FloatMatrix;
import it.unimi.dsi.fastutil.doubles.DoubleArrays;
import java.util.Optional;

/**
 * Pairs of weights count: with d_i = row i of W - Ŵ the objective is sum_i o_i d_i H d_iᵀ, H = E[x xᵀ] of the layer's inputs with
 * damping, o_i what the square of an error of output i costs. So errors may cancel out, which a diagonal cannot see. It is kept as
 * the factor R of H = R Rᵀ (R upper triangular), because then d H dᵀ = ||d R||², and the part of it that column j decides depends on
 * the columns before j alone.
 *
 * <p>Owns {@link #diagonal()}; the factor may serve several matrices with the same inputs and belongs to whoever made it.
 */
public final class Hessian implements Importance, AutoCloseable {
    private final FloatMatrix factor;
    private final float[] outputs;
    private final FloatMatrix diagonal;

    /**
     * The importance of one matrix.
     *
     * @param factor R, columns x columns, see {@link #factor(FloatMatrix, double)}; not modified
     * @param outputs o, one per row, finite and not negative; not modified
     */
    public Hessian(FloatMatrix factor, float[] outputs) {
        this.factor = factor;
        this.outputs = outputs.clone();
        this.diagonal = FloatMatrix.allocate(outputs.length, factor.columns());
        int n = factor.columns();
        for (int j = 0; j < n; j++) {
            double squares = 0;
            for (int k = j; k < n; k++) {
                squares += (double) factor.get(j, k) * factor.get(j, k);
            }
            for (int i = 0; i < outputs.length; i++) {
                diagonal.set(i, j, (float) (outputs[i] * squares));
            }
        }
    }

    private Hessian(FloatMatrix factor, float[] outputs, FloatMatrix diagonal) {
        this.factor = factor;
        this.outputs = outputs;
        this.diagonal = diagonal;
    }

    /**
     * R, upper triangular, of H + damping mean(diag H) I = R Rᵀ. In memory that the caller closes.
     *
     * @param secondMoment H, n x n, symmetric, positive semidefinite; not modified
     * @param damping fraction of the mean diagonal that is added to the diagonal, positive; 0.01 is customary
     * @throws InvalidRequestException (impossible) when H is so far from positive semidefinite that damping does not mend it
     */
    public static FloatMatrix factor(FloatMatrix secondMoment, double damping) {
        int n = secondMoment.columns();
        double[] reversed = damped(secondMoment, damping);
        DoubleArrays.reverse(reversed);
        return switch (Cholesky.of(reversed, n)) {
            case Cholesky cholesky -> reversed(cholesky);
            case NotPositiveDefinite failure ->
                throw notPositiveDefinite(failure.pivot(), n - 1 - failure.column(), damping);
        };
    }

    /**
     * R from L of the matrix in reversed order: L Lᵀ is R Rᵀ reversed. In memory that the caller closes.
     *
     * @param cholesky n x n
     */
    public static FloatMatrix reversed(Cholesky cholesky) {
        int n = cholesky.n();
        FloatMatrix factor = FloatMatrix.allocate(n, n);
        for (int i = 0; i < n; i++) {
            for (int j = 0; j <= i; j++) {
                factor.set(n - 1 - i, n - 1 - j, (float) cholesky.lower()[i * n + j]);
            }
        }
        return factor;
    }

    /** H + damping mean(diag H) I, n x n row-major. */
    static double[] damped(FloatMatrix secondMoment, double damping) {
        int n = secondMoment.columns();
        if (secondMoment.rows() != n || !(damping > 0)) {
            throw new IllegalArgumentException("a second moment is square and its damping positive, got "
                    + secondMoment.rows() + " x " + n + " and " + damping);
        }
        double[] damped = new double[Math.multiplyExact(n, n)];
        double mean = 0;
        for (int i = 0; i < n; i++) {
            mean += secondMoment.get(i, i);
            for (int j = 0; j < n; j++) {
                damped[i * n + j] = secondMoment.get(i, j);
            }
        }
        mean /= n;
        // Dead inputs alone: any positive diagonal says the same.
        double added = mean > 0 ? damping * mean : 1;
        for (int i = 0; i < n; i++) {
            damped[i * n + i] += added;
        }
        return damped;
    }

    static InvalidRequestException notPositiveDefinite(double pivot, int row, double damping) {
        return InvalidRequestException.impossible("the second moment of the inputs is not positive definite (pivot "
                + pivot + " in row " + row + " from damping " + damping
                + "); calibrate with more text or a larger damping");
    }

    /** R, columns x columns, upper triangular. */
    public FloatMatrix factor() {
        return factor;
    }

    /** H with its damping, R Rᵀ, columns x columns, row-major. */
    public double[] matrix(Workers workers) {
        int n = factor.columns();
        return DoubleGemm.product(DoubleGemm.of(factor), n, DoubleGemm.ofTransposed(factor), n, n, workers);
    }

    /** o, what the square of an error of each output costs. */
    public float[] outputs() {
        return outputs.clone();
    }

    /** o_i H[j, j]. */
    @Override
    public Optional<FloatMatrix> diagonal() {
        return Optional.of(diagonal);
    }

    /** The importance of some rows in memory of its own; the factor is shared. */
    public Hessian rows(int[] indices) {
        FloatMatrix picked = FloatMatrix.allocate(indices.length, diagonal.columns());
        float[] some = new float[indices.length];
        for (int i = 0; i < indices.length; i++) {
            picked.rows(i, 1).copyFrom(diagonal.rows(indices[i], 1));
            some[i] = outputs[indices[i]];
        }
        return new Hessian(factor, some, picked);
    }

    @Override
    public double of(FloatMatrix difference, Workers workers) {
        return of(difference, 0, workers);
    }

    /**
     * The objective of an error in some rows.
     *
     * @param difference rows {@code from} and following of W - Ŵ; not modified
     */
    public double of(FloatMatrix difference, int from, Workers workers) {
        try (FloatMatrix product = FloatMatrix.allocate(difference.rows(), difference.columns())) {
            Gemm.multiply(difference, false, factor, false, product, Gemm.Mode.SET, workers);
            double sum = 0;
            for (int i = 0; i < product.rows(); i++) {
                sum += outputs[from + i] * Norms.sumOfSquares(product.rows(i, 1), Workers.serial());
            }
            return sum;
        }
    }

    @Override
    public void close() {
        diagonal.close();
    }
}
