package dev.lowbit.linalg;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.Arena;
import java.util.Arrays;

/**
 * Block power iteration towards the leading right singular subspace of a matrix that may change a little from call to call:
 * the subspace of the last call is the start of the next one, so that one step (two products) does what a cold start needs
 * six products for.
 *
 * <p>One step from a right basis V (columns x q): {@code U = orth(M V)}, {@code Z = Mᵀ U}. Then {@code U Zᵀ = U Uᵀ M} is the
 * best approximation of M within span(U), and Z spans the next right basis. The small singular problem of Z is solved
 * through the q x q Gram matrix in double: {@code ZᵀZ = E diag(sigma²) Eᵀ}, left = U E sqrt(Sigma), right = sqrt(Sigma)^-1
 * (Z E)ᵀ. Cost per step: 4 rows columns q flops and O((rows + columns) q²).
 *
 * <p>Not thread-safe; every result is the same for any {@link Workers}.
 */
public final class SubspaceIteration implements AutoCloseable {
    private final int width;
    private final RandomStream stream;
    private final Arena arena;
    private final FloatMatrix left;
    private final FloatMatrix right;
    private final FloatMatrix leftTurn;
    private final FloatMatrix rightTurn;

    /**
     * Starts from a random basis.
     *
     * @param rows rows of the maps to come
     * @param columns columns of the maps to come
     * @param width number of vectors kept, q; at most min(rows, columns)
     * @param stream source of the random start, kept for later draws
     */
    public SubspaceIteration(int rows, int columns, int width, RandomStream stream) {
        this(rows, columns, width, stream, true);
    }

    /**
     * Starts from the right factor of an approximation that is already known.
     *
     * @param known its rank, at least 1, is the number of vectors kept; not modified
     * @param stream source of vectors for directions that the maps to come have and {@code known} has not
     */
    public SubspaceIteration(LowRank known, RandomStream stream) {
        this(known.rows(), known.columns(), known.rank(), stream, false);
        Transpose.copy(known.right(), right);
        renew(Workers.serial());
    }

    private SubspaceIteration(int rows, int columns, int width, RandomStream stream, boolean random) {
        if (width < 1 || width > Math.min(rows, columns)) {
            throw new IllegalArgumentException(
                    width + " vectors are not possible for a " + rows + " x " + columns + " matrix");
        }
        this.width = width;
        this.stream = stream;
        this.arena = Arena.ofShared();
        this.left = FloatMatrix.allocate(rows, width, arena);
        this.right = FloatMatrix.allocate(columns, width, arena);
        this.leftTurn = FloatMatrix.allocate(width, width, arena);
        this.rightTurn = FloatMatrix.allocate(width, width, arena);
        if (random) {
            stream.fillGaussian(right);
        }
    }

    /** Number of vectors kept. */
    public int width() {
        return width;
    }

    /** Turns the kept subspace towards the leading one of {@code map} by one step; gives no factors. */
    public void advance(LinearMap map, Workers workers) {
        project(map, workers);
        renew(workers);
    }

    /**
     * One step, and the best approximation of {@code map} of the rank of {@code out} within the subspace found.
     *
     * @param out rank at most {@link #width()}; modified (overwritten by balanced factors)
     * @return the singular values that belong to {@code out}, descending
     */
    public double[] approximate(LinearMap map, LowRank out, Workers workers) {
        project(map, workers);
        double[] gram = Gram.of(right, true, workers);
        SymmetricEigen eigen = SymmetricEigen.of(gram, width);
        double[] sigma = new double[width];
        for (int k = 0; k < width; k++) {
            sigma[k] = Math.sqrt(Math.max(0, eigen.values()[k]));
        }
        int rank = out.rank();
        FloatMatrix toLeft = firstColumns(leftTurn, rank);
        FloatMatrix toRight = firstColumns(rightTurn, rank);
        for (int k = 0; k < rank; k++) {
            double root = Math.sqrt(sigma[k]);
            for (int i = 0; i < width; i++) {
                double e = eigen.vector(i, k);
                toLeft.set(i, k, (float) (e * root));
                toRight.set(i, k, root > 0 ? (float) (e / root) : 0);
            }
        }
        Gemm.multiply(left, false, toLeft, false, out.left(), Gemm.Mode.SET, workers);
        Gemm.multiply(toRight, true, right, true, out.right(), Gemm.Mode.SET, workers);
        renew(workers);
        return Arrays.copyOf(sigma, rank);
    }

    /** A width x rank matrix in the memory of a width x width one. */
    private static FloatMatrix firstColumns(FloatMatrix square, int rank) {
        long bytes = (long) square.rows() * rank * Float.BYTES;
        return FloatMatrix.wrap(square.rows(), rank, square.segment().asSlice(0, bytes));
    }

    /** left = orth(M right); right = Mᵀ left. */
    private void project(LinearMap map, Workers workers) {
        map.multiply(right, left, workers);
        Qr.orthonormalize(left, workers);
        map.multiplyTransposed(left, right, workers);
    }

    /**
     * Makes the next start from Z. Directions that the map did not have (its rank was below q) are drawn anew, because the
     * next map may have them and a zero column would stay zero for ever.
     */
    private void renew(Workers workers) {
        if (Qr.orthonormalize(right, workers) == width) {
            return;
        }
        for (int k = 0; k < width; k++) {
            boolean zero = true;
            for (int j = 0; j < right.rows() && zero; j++) {
                zero = right.get(j, k) == 0;
            }
            for (int j = 0; j < right.rows() && zero; j++) {
                right.set(j, k, (float) stream.nextGaussian());
            }
        }
    }

    @Override
    public void close() {
        arena.close();
    }
}
