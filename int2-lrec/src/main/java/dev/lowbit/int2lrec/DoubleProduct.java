package dev.lowbit.int2lrec;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.DoubleGemm;

/** Products of {@link DoubleGemm} as new row-major arrays. */
final class DoubleProduct {
    private DoubleProduct() {}

    /** A B with A m x k and B k x n: m x n. */
    static double[] of(DoubleGemm.Source a, int m, DoubleGemm.Source b, int n, int k, Workers workers) {
        double[] product = new double[Math.multiplyExact(m, n)];
        DoubleGemm.multiply(
                a,
                m,
                b,
                n,
                k,
                DoubleGemm.Part.ALL,
                (row, column, rows, columns, block, stride) -> {
                    for (int i = 0; i < rows; i++) {
                        System.arraycopy(block, i * stride, product, (row + i) * n + column, columns);
                    }
                },
                workers);
        return product;
    }
}
