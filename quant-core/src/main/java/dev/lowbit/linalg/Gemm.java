package dev.lowbit.linalg;

import dev.lowbit.kernel.BlockCopy;
import dev.lowbit.kernel.GemmKernel;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * General matrix product {@code C = op(A) op(B)}, with {@code op} the identity or the transpose.
 *
 * <p>One output is a sum over k ascending, in blocks of 256: each block is a chain of fused multiply-adds that
 * starts at +0, and the block sums are added to C in the order of k. So the bits of an output depend
 * only on its row of op(A), its column of op(B) and its old value: not on threads, tiles or SIMD width.
 */
public final class Gemm {
    /** Length of the fused multiply-add chains; part of the definition of the result. */
    public static final int K_BLOCK = GemmKernel.DEPTH;

    private Gemm() {}

    /** What happens to the old value of C. */
    public enum Mode {
        /** C = AB: C starts at +0. */
        SET,
        /** C = C + AB. */
        ADD,
        /** C = C - AB, formed as C + (-A) B. */
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
        Operand left = new Operand(a.segment(), a.columns(), transposeA);
        Operand right = new Operand(b.segment(), b.columns(), transposeB);
        int m = transposeA ? a.columns() : a.rows();
        int k = transposeA ? a.rows() : a.columns();
        int n = transposeB ? b.rows() : b.columns();
        int otherK = transposeB ? b.columns() : b.rows();
        if (k != otherK || c.rows() != m || c.columns() != n) {
            throw new IllegalArgumentException(
                    "cannot multiply " + m + " x " + k + " by " + otherK + " x " + n + " into " + c.rows() + " x "
                            + c.columns() + "; the inner sizes must agree and C must be " + m + " x " + n);
        }
        Operand result = new Operand(c.segment(), n, false);
        boolean swap = transposedCopies(left, m, right, n) > transposedCopies(right.flip(), n, left.flip(), m);
        if (swap) {
            run(right.flip(), n, left.flip(), m, result.flip(), k, mode, workers);
        } else {
            run(left, m, right, n, result, k, mode, workers);
        }
    }

    /** A matrix in memory and whether it is used as its transpose. */
    private record Operand(MemorySegment segment, long stride, boolean transposed) {
        Operand flip() {
            return new Operand(segment, stride, !transposed);
        }

        /** Copies the block at (row, column) of the used matrix, rows x columns, into a row-major array. */
        void load(int row, int column, int rows, int columns, float[] out, int outStride, float[] strip) {
            if (transposed) {
                long at = column * stride + row;
                BlockCopy.loadTransposed(segment, at, stride, rows, columns, out, outStride, strip);
            } else {
                BlockCopy.load(segment, row * stride + column, stride, rows, columns, out, outStride);
            }
        }

        /** The way back. */
        void store(int row, int column, int rows, int columns, float[] in, int inStride, float[] strip) {
            if (transposed) {
                long at = column * stride + row;
                BlockCopy.storeTransposed(in, inStride, rows, columns, segment, at, stride, strip);
            } else {
                BlockCopy.store(in, inStride, rows, columns, segment, row * stride + column, stride);
            }
        }
    }

    /** How many values per unit of k are copied against their order in memory; that costs about four times a plain copy. */
    private static long transposedCopies(Operand rows, int rowCount, Operand lanes, int laneCount) {
        long copies = 0;
        if (rows.transposed) {
            copies += (long) rowCount * Math.ceilDiv(laneCount, GemmKernel.MAX_LANES);
        }
        if (lanes.transposed) {
            copies += (long) laneCount * Math.ceilDiv(rowCount, GemmKernel.MAX_ROWS);
        }
        return copies;
    }

    private static void run(
            Operand rows,
            int rowCount,
            Operand lanes,
            int laneCount,
            Operand result,
            int k,
            Mode mode,
            Workers workers) {
        GemmKernel kernel = GemmKernel.get();
        int rowTiles = Math.ceilDiv(rowCount, GemmKernel.MAX_ROWS);
        int laneTiles = Math.ceilDiv(laneCount, GemmKernel.MAX_LANES);
        workers.forEach(Math.multiplyExact(rowTiles, laneTiles), tile -> {
            int i = tile / laneTiles * GemmKernel.MAX_ROWS;
            int j = tile % laneTiles * GemmKernel.MAX_LANES;
            int height = Math.min(GemmKernel.MAX_ROWS, rowCount - i);
            int width = Math.min(GemmKernel.MAX_LANES, laneCount - j);
            GemmBlocks blocks = GemmBlocks.acquire();
            if (mode == Mode.SET) {
                Arrays.fill(blocks.result, 0, height * GemmKernel.LANE_STRIDE, 0);
            } else {
                result.load(i, j, height, width, blocks.result, GemmKernel.LANE_STRIDE, blocks.strip);
            }
            for (int from = 0; from < k; from += GemmKernel.DEPTH) {
                int depth = Math.min(GemmKernel.DEPTH, k - from);
                rows.load(i, from, height, depth, blocks.rows, GemmKernel.DEPTH, blocks.strip);
                lanes.load(from, j, depth, width, blocks.lanes, GemmKernel.LANE_STRIDE, blocks.strip);
                if (mode == Mode.SUBTRACT) {
                    negate(blocks.rows, height * GemmKernel.DEPTH);
                }
                kernel.multiply(blocks.rows, blocks.lanes, blocks.result, height, width, depth);
            }
            result.store(i, j, height, width, blocks.result, GemmKernel.LANE_STRIDE, blocks.strip);
            blocks.release();
        });
    }

    private static void negate(float[] values, int length) {
        for (int i = 0; i < length; i++) {
            values[i] = -values[i];
        }
    }
}
