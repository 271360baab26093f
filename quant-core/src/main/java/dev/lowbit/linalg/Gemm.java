package dev.lowbit.linalg;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Objects;

/**
 * General matrix product {@code C = op(A) op(B)}, with {@code op} the identity or the transpose.
 *
 * <p>One output is a sum over k ascending, in blocks of {@value #K_BLOCK}: each block is a chain of fused multiply-adds that
 * starts at +0, and the block sums are added to (or subtracted from) C in the order of k. So the bits of an output depend
 * only on its row of op(A), its column of op(B) and its old value: not on threads, tiles or SIMD width.
 */
public final class Gemm {
    /** Length of the fused multiply-add chains; part of the definition of the result. */
    public static final int K_BLOCK = 256;

    private Gemm() {}

    /** What happens to the old value of C. */
    public enum Mode {
        /** C = AB: the first block sum is stored, the later ones are added. */
        SET,
        /** C = C + AB. */
        ADD,
        /** C = C - AB. */
        SUBTRACT
    }

    /**
     * Multiplies. A and B are not modified; C is, and must not overlap A or B.
     *
     * @param a m x k, or k x m when {@code transposeA}
     * @param b k x n, or n x k when {@code transposeB}
     * @param c m x n
     */
    public static void multiply(
            FloatMatrix a,
            boolean transposeA,
            FloatMatrix b,
            boolean transposeB,
            FloatMatrix c,
            Mode mode,
            Workers workers) {
        int m = transposeA ? a.columns() : a.rows();
        int k = transposeA ? a.rows() : a.columns();
        int n = transposeB ? b.rows() : b.columns();
        int otherK = transposeB ? b.columns() : b.rows();
        if (k != otherK || c.rows() != m || c.columns() != n) {
            throw new IllegalArgumentException(
                    "cannot multiply " + m + " x " + k + " by " + otherK + " x " + n + " into " + c.rows() + " x "
                            + c.columns() + "; the inner sizes must agree and C must be " + m + " x " + n);
        }
        Objects.requireNonNull(mode, "mode");
        workers.forEach(m, i -> {
            for (int j = 0; j < n; j++) {
                float old = mode == Mode.SET ? 0 : c.get(i, j);
                for (int from = 0; from < k; from += K_BLOCK) {
                    float sum = 0;
                    for (int p = from; p < Math.min(k, from + K_BLOCK); p++) {
                        float x = transposeA ? a.get(p, i) : a.get(i, p);
                        float y = transposeB ? b.get(j, p) : b.get(p, j);
                        sum = Math.fma(x, y, sum);
                    }
                    if (mode == Mode.SUBTRACT) {
                        old -= sum;
                    } else {
                        old = mode == Mode.SET && from == 0 ? sum : old + sum;
                    }
                }
                c.set(i, j, old);
            }
        });
    }
}
