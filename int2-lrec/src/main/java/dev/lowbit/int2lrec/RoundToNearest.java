package dev.lowbit.int2lrec;

import dev.lowbit.error.NonFiniteWeightException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;

/** Every weight takes the nearest value of the grid of its row and group (RTN): the baseline that GPTQ is to beat. */
public final class RoundToNearest {
    private RoundToNearest() {}

    /**
     * Quantizes a matrix.
     *
     * @param weights m x n, finite; not modified
     * @param groupSize columns that share a grid in a row; 0 for the whole row
     * @throws NonFiniteWeightException when a weight is NaN or infinite
     * @throws dev.lowbit.error.InvalidRequestException when a scale is beyond its stored type or the matrix has 2^31 weights
     */
    public static AffineCodes quantize(FloatMatrix weights, int groupSize, AffineGrid grid, Workers workers) {
        int rows = weights.rows();
        int columns = weights.columns();
        int size = AffineCodes.resolve(groupSize, columns);
        int groups = Math.ceilDiv(columns, size);
        byte[] codes = new byte[AffineCodes.requireArray(weights)];
        float[] scales = new float[rows * groups];
        int[] zeros = new int[rows * groups];
        workers.forEach(rows, i -> {
            float[] row = finiteRow(weights, i);
            for (int g = 0; g < groups; g++) {
                int from = g * size;
                int count = Math.min(size, columns - from);
                AffineGrid.Group group = grid.fit(row, from, count).requireStorable(i, g);
                scales[i * groups + g] = group.scale();
                zeros[i * groups + g] = group.zero();
                for (int j = from; j < from + count; j++) {
                    codes[i * columns + j] = (byte) grid.quantize(row[j], group);
                }
            }
        });
        return new AffineCodes(rows, columns, grid.bits(), size, codes, scales, zeros, new int[0]);
    }

    /** A copy of row i. */
    static float[] finiteRow(FloatMatrix weights, int i) {
        float[] row = weights.rows(i, 1).toArray();
        for (int j = 0; j < row.length; j++) {
            if (!Float.isFinite(row[j])) {
                throw new NonFiniteWeightException(i, j, row[j]);
            }
        }
        return row;
    }
}
