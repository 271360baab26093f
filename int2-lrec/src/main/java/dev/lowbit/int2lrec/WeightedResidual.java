package dev.lowbit.int2lrec;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Kernels;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.DoubleGemm;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.linalg.Norms;
import dev.lowbit.tensor.FloatMatrix;

/**
 * M = O^½ E S without S: what the closed form needs of M is M Mᵀ = Ẽ (XᵀX + μ I) Ẽᵀ alone, Ẽ = O^½ E, O the diagonal of output weights. Dead
 * columns of Ẽ are zero. In the plain case S = I.
 */
final class WeightedResidual implements AutoCloseable {
    /** Beyond this M Mᵀ may overflow floats, with which it is multiplied. */
    private static final float LARGE = 0x1p32f;

    private final FloatMatrix scaled;
    /** A power of two by which M is multiplied in {@link #advance}; 1 but for large residuals. */
    private final float unit;

    private final FloatMatrix moments;
    private final SecondMoment moment;
    private final boolean weighted;
    private final double mu;

    /**
     * Copies what it needs.
     *
     * @param residual E, m x n, finite; not modified
     * @param moment not used, and may be null, when plain
     * @param outputs o, m values, finite, not negative; null for ones
     */
    WeightedResidual(
            FloatMatrix residual, SecondMoment moment, float[] outputs, LowRankSettings settings, Workers workers) {
        this.weighted = settings.weighted();
        if (weighted) {
            LayerError.requireColumns(residual.columns(), moment);
        }
        requireOutputs(outputs, residual.rows());
        this.moment = moment;
        this.mu = weighted ? settings.damping() * moment.meanDiagonal() : 0;
        this.scaled = FloatMatrix.allocate(residual.rows(), residual.columns());
        try {
            workers.forEach(residual.rows(), i -> scale(residual, i, outputs == null ? 1 : Math.sqrt(outputs[i])));
            float largest = Norms.absMax(scaled);
            this.unit = largest > LARGE ? Math.scalb(1f, -Math.getExponent(largest)) : 1;
            this.moments = weighted && !small() ? floats(moment, workers) : null;
        } catch (RuntimeException | Error failure) {
            scaled.close();
            throw failure;
        }
    }

    private void scale(FloatMatrix residual, int i, double root) {
        float[] row = RoundToNearest.finiteRow(residual, i);
        for (int j = 0; j < row.length; j++) {
            row[j] = weighted && moment.dead(j) ? 0 : (float) (root * row[j]);
        }
        scaled.rows(i, 1).copyFrom(FloatMatrix.wrap(1, row.length, row));
    }

    private static void requireOutputs(float[] outputs, int m) {
        if (outputs == null) {
            return;
        }
        if (outputs.length != m) {
            throw new IllegalArgumentException(outputs.length + " output weights for " + m + " outputs");
        }
        for (int i = 0; i < m; i++) {
            if (!(outputs[i] >= 0 && outputs[i] <= Float.MAX_VALUE)) {
                throw InvalidRequestException.usage(
                        "the weight of output " + i + " is " + outputs[i] + "; weights are finite and not negative");
            }
        }
    }

    private static FloatMatrix floats(SecondMoment moment, Workers workers) {
        int n = moment.n();
        FloatMatrix floats = FloatMatrix.allocate(n, n);
        workers.forEach(n, i -> {
            float[] row = new float[n];
            for (int j = 0; j < n; j++) {
                row[j] = (float) moment.values()[i * n + j];
            }
            floats.rows(i, 1).copyFrom(FloatMatrix.wrap(1, n, row));
        });
        return floats;
    }

    /** Ẽ, m x n. */
    FloatMatrix scaled() {
        return scaled;
    }

    /** Whether the left side needs no search because it is itself small. */
    boolean small() {
        return scaled.rows() <= ResidualSubspace.SMALL;
    }

    /**
     * y = M Mᵀ y in floats, or a power of two times that: it is a subspace that is looked for.
     *
     * @param y m x q; modified
     */
    void advance(FloatMatrix y, Workers workers) {
        int n = scaled.columns();
        int q = y.columns();
        try (FloatMatrix inputs = FloatMatrix.allocate(n, q);
                FloatMatrix turned = FloatMatrix.allocate(n, q)) {
            Gemm.multiply(scaled, true, y, false, inputs, Gemm.Mode.SET, workers);
            if (unit != 1) {
                Kernels.get().scale(unit, inputs.segment(), 0, inputs.size());
            }
            if (!weighted) {
                Gemm.multiply(scaled, false, inputs, false, y, Gemm.Mode.SET, workers);
                return;
            }
            Gemm.multiply(moments, false, inputs, false, turned, Gemm.Mode.SET, workers);
            for (int i = 0; i < n; i++) {
                for (int k = 0; k < q; k++) {
                    turned.set(i, k, (float) (unit * (turned.get(i, k) + mu * inputs.get(i, k))));
                }
            }
            Gemm.multiply(scaled, false, turned, false, y, Gemm.Mode.SET, workers);
        }
    }

    /** F (XᵀX + μ I) Fᵀ in double, q x q, for F of q x n (not modified); F Fᵀ when plain. */
    double[] gram(FloatMatrix f, Workers workers) {
        int n = f.columns();
        int q = f.rows();
        if (!weighted) {
            return DoubleGemm.product(DoubleGemm.of(f), q, DoubleGemm.ofTransposed(f), q, n, workers);
        }
        double[] turned = DoubleGemm.product(DoubleGemm.of(f), q, DoubleGemm.of(moment.values(), n), n, n, workers);
        for (int i = 0; i < q; i++) {
            for (int j = 0; j < n; j++) {
                turned[i * n + j] += mu * f.get(i, j);
            }
        }
        return DoubleGemm.product(DoubleGemm.of(turned, n), q, DoubleGemm.ofTransposed(f), q, n, workers);
    }

    /**
     * ||M||², the sum of all squared singular values.
     *
     * @param error Σ o_i e_i XᵀX e_iᵀ; not used when plain
     */
    double squaredNorm(double error, Workers workers) {
        double distance = Norms.sumOfSquares(scaled, workers);
        return weighted ? error + mu * distance : distance;
    }

    @Override
    public void close() {
        scaled.close();
        if (moments != null) {
            moments.close();
        }
    }
}
