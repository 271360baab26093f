package dev.lowbit.int2lrec;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.DoubleGemm;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.linalg.Qr;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.linalg.SymmetricEigen;
import dev.lowbit.linalg.Transpose;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Arrays;

/**
 * The leading left singular vectors of M = Ẽ S and their singular values, by Rayleigh and Ritz: with Y an orthonormal basis (m x q) of a
 * subspace that holds them, F = Yᵀ Ẽ and F (XᵀX + μI) Fᵀ = Z diag(σ²) Zᵀ they are Y Z.
 *
 * <p>Matrices of up to {@value #SMALL} rows need no search: Y = I. With up to {@value #SMALL} columns Y is a basis of all columns of
 * Ẽ. Both are exact up
 * to rounding. Otherwise Y is found from a random start by power iteration (Halko, Martinsson, Tropp), in floats.
 */
final class ResidualSubspace implements AutoCloseable {
    /** Up to this side the answer is exact. */
    static final int SMALL = 256;

    /** Y, m x q; null for the identity. */
    private final FloatMatrix basis;

    /** F, q x n; Ẽ itself when Y is the identity. */
    private final FloatMatrix projected;

    private final SymmetricEigen eigen;

    private ResidualSubspace(FloatMatrix basis, FloatMatrix projected, SymmetricEigen eigen) {
        this.basis = basis;
        this.projected = projected;
        this.eigen = eigen;
    }

    /**
     * Finds the subspace.
     *
     * @param residual kept open by the caller while this is in use
     * @param rank how many directions are wanted
     */
    static ResidualSubspace of(
            WeightedResidual residual, int rank, LowRankSettings settings, RandomStream stream, Workers workers) {
        FloatMatrix scaled = residual.scaled();
        if (residual.small()) {
            double[] gram = residual.gram(scaled, workers);
            return new ResidualSubspace(null, scaled, SymmetricEigen.of(gram, scaled.rows()));
        }
        FloatMatrix basis = basis(residual, rank, settings, stream, workers);
        FloatMatrix projected = FloatMatrix.allocate(basis.columns(), scaled.columns());
        Gemm.multiply(basis, true, scaled, false, projected, Gemm.Mode.SET, workers);
        double[] gram = residual.gram(projected, workers);
        return new ResidualSubspace(basis, projected, SymmetricEigen.of(gram, basis.columns()));
    }

    private static FloatMatrix basis(
            WeightedResidual residual, int rank, LowRankSettings settings, RandomStream stream, Workers workers) {
        FloatMatrix scaled = residual.scaled();
        int m = scaled.rows();
        int n = scaled.columns();
        if (n <= SMALL) {
            FloatMatrix columns = FloatMatrix.allocate(m, n);
            columns.copyFrom(scaled);
            Qr.orthonormalize(columns, workers);
            return columns;
        }
        int width = Math.min(rank + settings.oversampling(), Math.min(m, n));
        FloatMatrix basis = FloatMatrix.allocate(m, width);
        stream.fillGaussian(basis);
        for (int i = 0; i <= settings.powerSteps(); i++) {
            residual.advance(basis, workers);
            Qr.orthonormalize(basis, workers);
        }
        return basis;
    }

    /** σ_k², not negative; 0 beyond the directions found. */
    double squaredValue(int k) {
        return k < eigen.values().length ? Math.max(0, eigen.values()[k]) : 0;
    }

    /** Σ σ_k² over k below {@code rank}. */
    double explained(int rank) {
        double sum = 0;
        for (int k = 0; k < rank; k++) {
            sum += squaredValue(k);
        }
        return sum;
    }

    /** Pᵀ, rank x m: the first left singular vectors as rows. */
    double[] leftVectors(int rank, Workers workers) {
        if (basis == null) {
            return Arrays.copyOf(eigen.vectorRows(), rank * projected.rows());
        }
        int q = basis.columns();
        try (FloatMatrix transposed = FloatMatrix.allocate(q, basis.rows())) {
            Transpose.copy(basis, transposed);
            return DoubleGemm.product(
                    DoubleGemm.of(eigen.vectorRows(), q),
                    rank,
                    DoubleGemm.of(transposed),
                    transposed.columns(),
                    q,
                    workers);
        }
    }

    /** Pᵀ Ẽ, rank x n. */
    double[] projections(int rank, Workers workers) {
        int q = projected.rows();
        return DoubleGemm.product(
                DoubleGemm.of(eigen.vectorRows(), q), rank, DoubleGemm.of(projected), projected.columns(), q, workers);
    }

    @Override
    public void close() {
        if (basis != null) {
            basis.close();
            projected.close();
        }
    }
}
