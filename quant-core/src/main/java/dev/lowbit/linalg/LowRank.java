package dev.lowbit.linalg;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.Arena;

/**
 * A matrix of low rank in factored form, {@code left * right}: left is rows x r, right is r x columns. Owns both factors.
 * The factors that the decompositions of this package write are balanced: column k of left and row k of right both have
 * the norm sqrt(sigma_k), and k runs from the largest singular value down.
 */
public final class LowRank implements AutoCloseable {
    private final Arena arena;
    private final FloatMatrix left;
    private final FloatMatrix right;

    private LowRank(int rows, int columns, int rank) {
        this.arena = Arena.ofShared();
        this.left = FloatMatrix.allocate(rows, rank, arena);
        this.right = FloatMatrix.allocate(rank, columns, arena);
    }

    /** Zero factors; rank 0 is allowed and is the zero matrix. */
    public static LowRank allocate(int rows, int columns, int rank) {
        if (rank < 0 || rank > Math.min(rows, columns)) {
            throw new IllegalArgumentException(
                    "rank " + rank + " is not possible for a " + rows + " x " + columns + " matrix");
        }
        return new LowRank(rows, columns, rank);
    }

    public int rows() {
        return left.rows();
    }

    public int columns() {
        return right.columns();
    }

    public int rank() {
        return left.columns();
    }

    /** rows x rank; writable by the owner. */
    public FloatMatrix left() {
        return left;
    }

    /** rank x columns; writable by the owner. */
    public FloatMatrix right() {
        return right;
    }

    /** Copies the factors of {@code source} (same shape and rank, not modified) into this one (modified). */
    public void copyFrom(LowRank source) {
        left.copyFrom(source.left);
        right.copyFrom(source.right);
    }

    /**
     * target -= left * right.
     *
     * @param target rows x columns; modified
     */
    public void subtractFrom(FloatMatrix target, Workers workers) {
        if (rank() > 0) {
            Gemm.multiply(left, false, right, false, target, Gemm.Mode.SUBTRACT, workers);
        }
    }

    /**
     * The product as a dense matrix.
     *
     * @param out rows x columns; modified (overwritten)
     */
    public void expand(FloatMatrix out, Workers workers) {
        if (rank() == 0) {
            out.segment().fill((byte) 0);
        } else {
            Gemm.multiply(left, false, right, false, out, Gemm.Mode.SET, workers);
        }
    }

    @Override
    public void close() {
        arena.close();
    }
}
