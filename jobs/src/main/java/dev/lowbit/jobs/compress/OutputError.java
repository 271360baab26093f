package dev.lowbit.jobs.compress;

import dev.lowbit.kernel.Kernels;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.FloatMatrix;

/**
 * What the outputs of a layer lost on the calibration text.
 *
 * @param error tr(D H Dᵀ) = E ||D x||², D = W - Ŵ and H = E[x xᵀ]
 * @param norm tr(W H Wᵀ) = E ||W x||²
 */
record OutputError(double error, double norm) {
    static final OutputError NONE = new OutputError(0, 0);

    /**
     * Compares a matrix with its stored form.
     *
     * @param weights W, outputs x inputs; not modified
     * @param stored Ŵ; not modified
     * @param moment H, inputs x inputs; not modified
     */
    static OutputError of(FloatMatrix weights, QuantizedMatrix stored, FloatMatrix moment, Workers workers) {
        try (FloatMatrix difference = FloatMatrix.allocate(weights.rows(), weights.columns());
                FloatMatrix product = FloatMatrix.allocate(weights.rows(), weights.columns())) {
            stored.dequantize(0, difference, workers);
            Kernels.get()
                    .subtract(
                            weights.segment(), 0, difference.segment(), 0, difference.segment(), 0, difference.size());
            return new OutputError(
                    quadratic(difference, moment, product, workers), quadratic(weights, moment, product, workers));
        }
    }

    /** tr(M H Mᵀ); {@code product} is scratch. */
    private static double quadratic(FloatMatrix m, FloatMatrix moment, FloatMatrix product, Workers workers) {
        Gemm.multiply(m, false, moment, false, product, Gemm.Mode.SET, workers);
        double sum = 0;
        for (int i = 0; i < m.rows(); i++) {
            long row = (long) i * m.columns();
            sum += Kernels.get().dot(m.segment(), row, product.segment(), row, m.columns());
        }
        return Math.max(0, sum);
    }

    OutputError plus(OutputError other) {
        return new OutputError(error + other.error, norm + other.norm);
    }

    /** √(error / norm); 0 when nothing was lost. */
    double relative() {
        return error == 0 ? 0 : Math.min(Math.sqrt(error / norm), Double.MAX_VALUE);
    }
}
