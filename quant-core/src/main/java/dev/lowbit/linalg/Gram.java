package dev.lowbit.linalg;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Products of a matrix with its own transpose, accumulated in double. */
public final class Gram {
    private Gram() {}

    /**
     * XᵀX (of columns) or XXᵀ (of rows), symmetric n x n, row-major. Products of floats are exact in double, so the only
     * rounding is that of the sum, which runs over the rows (columns) ascending.
     *
     * @param x not modified; n should be skinny (the result is n x n doubles on the heap)
     */
    public static double[] of(FloatMatrix x, boolean ofColumns, Workers workers) {
        int n = ofColumns ? x.columns() : x.rows();
        int length = ofColumns ? x.rows() : x.columns();
        double[] gram = new double[Math.multiplyExact(n, n)];
        workers.forEach(n, i -> {
            for (int j = 0; j <= i; j++) {
                double sum = 0;
                for (int k = 0; k < length; k++) {
                    sum += ofColumns ? (double) x.get(k, i) * x.get(k, j) : (double) x.get(i, k) * x.get(j, k);
                }
                gram[i * n + j] = sum;
                gram[j * n + i] = sum;
            }
        });
        return gram;
    }

    /**
     * Adds XᵀX to a symmetric matrix of doubles, as calibration does batch after batch. One triangle is computed and
     * mirrored.
     *
     * @param tokensByInputs tokens x n; not modified
     * @param gram n x n native-order doubles, row-major, symmetric; modified
     */
    public static void accumulate(FloatMatrix tokensByInputs, MemorySegment gram, Workers workers) {
        int n = tokensByInputs.columns();
        if (gram.byteSize() != (long) n * n * Double.BYTES) {
            throw new IllegalArgumentException("the Gram matrix of " + n + " inputs needs " + (long) n * n
                    + " doubles, got " + gram.byteSize() + " bytes");
        }
        double[] batch = of(tokensByInputs, true, workers);
        for (long i = 0; i < batch.length; i++) {
            double old = gram.getAtIndex(ValueLayout.JAVA_DOUBLE_UNALIGNED, i);
            gram.setAtIndex(ValueLayout.JAVA_DOUBLE_UNALIGNED, i, old + batch[(int) i]);
        }
    }
}
