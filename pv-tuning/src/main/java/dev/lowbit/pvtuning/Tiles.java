package dev.lowbit.pvtuning;

/** Tiles of a row-major matrix of doubles. */
final class Tiles {
    private Tiles() {}

    /** Copies tile (p, q) of an O x I matrix, row-major, into {@code out} (modified). */
    static void load(Tiling tiling, double[] matrix, int p, int q, double[] out) {
        for (int a = 0; a < tiling.outGroup(); a++) {
            int from = (p * tiling.outGroup() + a) * tiling.columns() + q * tiling.inGroup();
            System.arraycopy(matrix, from, out, a * tiling.inGroup(), tiling.inGroup());
        }
    }

    /** Σ (a - b)² over every tile, P x Q. */
    static double[] squaredDistances(Tiling tiling, double[] a, double[] b) {
        double[] sums = new double[tiling.tiles()];
        for (int row = 0; row < tiling.rows(); row++) {
            int tile = row / tiling.outGroup() * tiling.tileColumns();
            int at = row * tiling.columns();
            for (int q = 0; q < tiling.tileColumns(); q++) {
                for (int c = 0; c < tiling.inGroup(); c++, at++) {
                    double difference = a[at] - b[at];
                    sums[tile + q] += difference * difference;
                }
            }
        }
        return sums;
    }

    /** Refuses a matrix that holds NaN or an infinity, with the place of the first. */
    static void requireFinite(Tiling tiling, double[] matrix, String what) {
        if (matrix.length != tiling.size()) {
            throw new IllegalArgumentException(what + " has " + matrix.length + " values, not " + tiling.size());
        }
        for (int i = 0; i < matrix.length; i++) {
            if (!Double.isFinite(matrix[i])) {
                throw new IllegalArgumentException(what + " is " + matrix[i] + " at row " + i / tiling.columns()
                        + ", column " + i % tiling.columns());
            }
        }
    }
}
