package dev.lowbit.bench;

import dev.lowbit.tensor.FloatMatrix;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.openblas.global.openblas;
import org.bytedeco.openblas.global.openblas_nolapack;

/** Single-threaded sgemm of OpenBLAS, the yardstick of every speed bar. */
final class OpenBlas implements AutoCloseable {
    private final int n;
    private final FloatPointer a;
    private final FloatPointer b;
    private final FloatPointer c;

    /** Copies two n x n matrices into memory that OpenBLAS reads. */
    OpenBlas(FloatMatrix left, FloatMatrix right) {
        Loader.load(openblas_nolapack.class);
        openblas_nolapack.blas_set_num_threads(1);
        this.n = left.rows();
        this.a = new FloatPointer((long) n * n);
        this.b = new FloatPointer((long) n * n);
        this.c = new FloatPointer((long) n * n);
        a.put(left.toArray());
        b.put(right.toArray());
    }

    /** C = A B. */
    void multiply() {
        openblas.cblas_sgemm(
                openblas.CblasRowMajor,
                openblas.CblasNoTrans,
                openblas.CblasNoTrans,
                n,
                n,
                n,
                1f,
                a,
                n,
                b,
                n,
                0f,
                c,
                n);
    }

    /** C, row-major. */
    FloatMatrix result() {
        float[] values = new float[n * n];
        c.get(values);
        return FloatMatrix.wrap(n, n, values);
    }

    @Override
    public void close() {
        a.close();
        b.close();
        c.close();
    }
}
