package dev.lowbit.linalg;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Consumer;

/** Matrices for the tests of linear algebra, and a fingerprint of their bits. */
final class Matrices {
    private Matrices() {}

    static FloatMatrix gaussian(int rows, int columns, long seed) {
        FloatMatrix matrix = FloatMatrix.wrap(rows, columns, new float[rows * columns]);
        RandomStream.of(seed, "test", rows + "x" + columns).fillGaussian(matrix);
        return matrix;
    }

    static FloatMatrix copy(FloatMatrix source) {
        return FloatMatrix.wrap(source.rows(), source.columns(), source.toArray());
    }

    static FloatMatrix transpose(FloatMatrix source) {
        FloatMatrix result =
                FloatMatrix.wrap(source.columns(), source.rows(), new float[source.rows() * source.columns()]);
        for (int i = 0; i < source.rows(); i++) {
            for (int j = 0; j < source.columns(); j++) {
                result.set(j, i, source.get(i, j));
            }
        }
        return result;
    }

    static String hash(FloatMatrix matrix) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update(matrix.segment().toArray(java.lang.foreign.ValueLayout.JAVA_BYTE));
            return HexFormat.of().formatHex(digest.digest());
        } catch (java.security.NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    /** Runs the body with 1, 2, 3 and 8 threads. */
    static void withEveryThreadCount(Consumer<Workers> body) {
        body.accept(Workers.serial());
        for (int threads : new int[] {2, 3, 8}) {
            try (ExecutorService executor = Executors.newFixedThreadPool(threads)) {
                body.accept(Workers.on(executor, threads));
            }
        }
    }
}
