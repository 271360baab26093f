package dev.lowbit.linalg;

import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Copies between a matrix and its transpose. */
public final class Transpose {
    private static final int TILE = 16;

    private Transpose() {}

    /**
     * out = inᵀ, in tiles that stay in cache.
     *
     * @param in m x n; not modified
     * @param out n x m; modified (overwritten); must not share memory with in
     */
    public static void copy(FloatMatrix in, FloatMatrix out) {
        int m = in.rows();
        int n = in.columns();
        if (out.rows() != n || out.columns() != m) {
            throw new IllegalArgumentException(
                    "the transpose of " + m + " x " + n + " does not fit in " + out.rows() + " x " + out.columns());
        }
        MemorySegment source = in.segment();
        MemorySegment target = out.segment();
        for (int i0 = 0; i0 < m; i0 += TILE) {
            for (int j0 = 0; j0 < n; j0 += TILE) {
                int i1 = Math.min(m, i0 + TILE);
                int j1 = Math.min(n, j0 + TILE);
                for (int j = j0; j < j1; j++) {
                    for (int i = i0; i < i1; i++) {
                        float value = source.getAtIndex(ValueLayout.JAVA_FLOAT, (long) i * n + j);
                        target.setAtIndex(ValueLayout.JAVA_FLOAT, (long) j * m + i, value);
                    }
                }
            }
        }
    }
}
