package dev.lowbit.linalg;

import dev.lowbit.kernel.DoubleGemmKernel;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * Products in double of operands that may be floats, C = A B, for Gram matrices and factorizations. Sums are defined as
 * {@link Gemm} defines them: chains of 256 fused multiply-adds, block sums added in the order of k.
 */
public final class DoubleGemm {
    private static final int DEPTH = DoubleGemmKernel.DEPTH;
    private static final int STRIDE = DoubleGemmKernel.LANE_STRIDE;

    private DoubleGemm() {}

    /** Where a block of an operand comes from. */
    public interface Source {
        /** Writes the block at (row, column), rows x columns, row-major with {@code stride} into {@code out} (modified). */
        void load(int row, int column, int rows, int columns, double[] out, int stride);
    }

    /** Where a finished block of the result goes. */
    public interface Sink {
        /** Takes the block at (row, column), rows x columns, row-major with {@code stride}; blocks come from any thread. */
        void store(int row, int column, int rows, int columns, double[] in, int stride);
    }

    /** Which blocks of the result are wanted. */
    public enum Part {
        /** All of it. */
        ALL,
        /** Only blocks that hold entries on or below the diagonal. */
        LOWER
    }

    /** A B with A m x k and B k x n as a new row-major array: m x n. */
    public static double[] product(Source a, int m, Source b, int n, int k, Workers workers) {
        double[] product = new double[Math.multiplyExact(m, n)];
        multiply(
                a,
                m,
                b,
                n,
                k,
                Part.ALL,
                (row, column, rows, columns, block, stride) -> {
                    for (int i = 0; i < rows; i++) {
                        System.arraycopy(block, i * stride, product, (row + i) * n + column, columns);
                    }
                },
                workers);
        return product;
    }

    /**
     * Hands every block of the wanted part of A B to {@code c}.
     *
     * @param a m x k
     * @param b k x n
     */
    public static void multiply(Source a, int m, Source b, int n, int k, Part part, Sink c, Workers workers) {
        DoubleGemmKernel kernel = DoubleGemmKernel.get();
        int laneTiles = Math.ceilDiv(n, DoubleGemmKernel.MAX_LANES);
        int rowTiles = Math.ceilDiv(m, DoubleGemmKernel.MAX_ROWS);
        workers.forEach(Math.multiplyExact(rowTiles, laneTiles), tile -> {
            int i = tile / laneTiles * DoubleGemmKernel.MAX_ROWS;
            int j = tile % laneTiles * DoubleGemmKernel.MAX_LANES;
            int height = Math.min(DoubleGemmKernel.MAX_ROWS, m - i);
            int width = Math.min(DoubleGemmKernel.MAX_LANES, n - j);
            if (part == Part.LOWER && j >= i + height) {
                return;
            }
            Blocks blocks = Blocks.acquire();
            Arrays.fill(blocks.result, 0);
            for (int from = 0; from < k; from += DEPTH) {
                int depth = Math.min(DEPTH, k - from);
                a.load(i, from, height, depth, blocks.rows, DEPTH);
                b.load(from, j, depth, width, blocks.lanes, STRIDE);
                kernel.multiply(blocks.rows, blocks.lanes, blocks.result, height, width, depth);
            }
            c.store(i, j, height, width, blocks.result, STRIDE);
            blocks.release();
        });
    }

    /** A float matrix, widened. */
    public static Source of(FloatMatrix matrix) {
        MemorySegment segment = matrix.segment();
        long columns = matrix.columns();
        return (row, column, rows, width, out, stride) -> {
            for (int i = 0; i < rows; i++) {
                widen(segment, (row + i) * columns + column, width, out, i * stride);
            }
        };
    }

    /** The transpose of a float matrix, widened. */
    public static Source ofTransposed(FloatMatrix matrix) {
        MemorySegment segment = matrix.segment();
        long columns = matrix.columns();
        return (row, column, rows, width, out, stride) -> {
            for (int j = 0; j < width; j++) {
                widenStrided(segment, (column + j) * columns + row, rows, out, j, stride);
            }
        };
    }

    /** A row-major matrix of doubles. */
    public static Source of(double[] matrix, int columns) {
        return (row, column, rows, width, out, stride) -> {
            for (int i = 0; i < rows; i++) {
                System.arraycopy(matrix, (row + i) * columns + column, out, i * stride, width);
            }
        };
    }

    /** The transpose of a row-major matrix of doubles with {@code columns} columns. */
    public static Source ofTransposed(double[] matrix, int columns) {
        return (row, column, rows, width, out, stride) -> {
            for (int j = 0; j < width; j++) {
                int from = (column + j) * columns + row;
                for (int i = 0; i < rows; i++) {
                    out[i * stride + j] = matrix[from + i];
                }
            }
        };
    }

    private static void widen(MemorySegment from, long at, int count, double[] out, int outAt) {
        for (int i = 0; i < count; i++) {
            out[outAt + i] = from.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, at + i);
        }
    }

    private static void widenStrided(MemorySegment from, long at, int count, double[] out, int outAt, int stride) {
        for (int i = 0; i < count; i++) {
            out[outAt + i * stride] = from.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, at + i);
        }
    }

    /** The packing buffers of one running product, about 1.1 MiB, kept for reuse. */
    private static final class Blocks {
        private static final ConcurrentLinkedQueue<Blocks> IDLE = new ConcurrentLinkedQueue<>();

        private final double[] rows = new double[DoubleGemmKernel.MAX_ROWS * DEPTH];
        private final double[] lanes = new double[DEPTH * STRIDE];
        private final double[] result = new double[DoubleGemmKernel.MAX_ROWS * STRIDE];

        static Blocks acquire() {
            Blocks idle = IDLE.poll();
            return idle == null ? new Blocks() : idle;
        }

        void release() {
            IDLE.add(this);
        }
    }
}
