package dev.lowbit.lqlora;

import dev.lowbit.linalg.RandomStream;
import dev.lowbit.tensor.FloatMatrix;

/** Deterministic matrices for tests. */
final class Matrices {
    private Matrices() {}

    /** Normals of standard deviation 0.02. */
    static FloatMatrix noise(int rows, int columns) {
        return planted(rows, columns, 0);
    }

    /** The same plus a random matrix of rank {@code rank} with three times the noise's energy. */
    static FloatMatrix planted(int rows, int columns, int rank) {
        RandomStream stream = RandomStream.of(11, "matrix", rows + "x" + columns + "r" + rank);
        double[][] left = normals(stream, rows, rank);
        double[][] right = normals(stream, columns, rank);
        double scale = rank == 0 ? 0 : Math.sqrt(3.0 / rank);
        FloatMatrix w = FloatMatrix.wrap(rows, columns, new float[rows * columns]);
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                double value = stream.nextGaussian();
                for (int k = 0; k < rank; k++) {
                    value += scale * left[i][k] * right[j][k];
                }
                w.set(i, j, (float) (0.02 * value));
            }
        }
        return w;
    }

    private static double[][] normals(RandomStream stream, int count, int width) {
        double[][] values = new double[count][width];
        for (double[] row : values) {
            for (int k = 0; k < width; k++) {
                row[k] = stream.nextGaussian();
            }
        }
        return values;
    }
}
