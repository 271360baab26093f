package dev.lowbit.sketchtune;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.linalg.Norms;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.sketch.SketchFormat;
import dev.lowbit.matrix.sketch.SketchMatrix;
import dev.lowbit.matrix.sketch.StoredTables;
import dev.lowbit.matrix.sketch.TableFormat;
import dev.lowbit.tensor.FloatMatrix;

/**
 * A learned sketch. Its arrays are its own: not copied, to be read only.
 *
 * @param rows m, outputs
 * @param columns n, inputs
 * @param groups G of a row
 * @param bits b of a code
 * @param tables Z, m x G x 2^b
 * @param codes C, m x n
 * @param tokens that it was learned from; below n, the Hessian alone does not determine it and damping decides
 * @param damping the share of the mean diagonal that was needed to factor the Hessian, more than asked for where that was singular
 */
public record LayerSketch(
        int rows, int columns, int groups, int bits, float[] tables, byte[] codes, long tokens, double damping) {

    /**
     * As a matrix that multiplies.
     *
     * @throws InvalidRequestException (impossible) when the format cannot hold an entry
     */
    public SketchMatrix matrix(TableFormat format) {
        StoredTables stored = StoredTables.round(tables, 1 << bits, format)
                .orElseThrow(() -> InvalidRequestException.impossible(
                        "the tables have values that " + format.id() + " cannot hold; take f32"));
        return SketchMatrix.of(
                rows, columns, new SketchFormat(bits, groups, format), PackedCodes.pack(codes, bits), stored);
    }

    /**
     * The error on some inputs, those it was learned from or others: ||X (W - Ŵ)ᵀ||².
     *
     * @param weights W, m x n; not modified
     * @param inputs X, tokens x n; not modified
     */
    public double error(FloatMatrix weights, FloatMatrix inputs, Workers workers) {
        try (FloatMatrix difference = FloatMatrix.allocate(rows, columns);
                FloatMatrix outputs = FloatMatrix.allocate(inputs.rows(), rows)) {
            double[] values = new double[tables.length];
            for (int i = 0; i < values.length; i++) {
                values[i] = tables[i];
            }
            new Sketch(rows, columns, groups, 1 << bits, values, codes).residual(weights, difference, workers);
            Gemm.multiply(inputs, false, difference, true, outputs, Gemm.Mode.SET, workers);
            return Norms.sumOfSquares(outputs, workers);
        }
    }
}
