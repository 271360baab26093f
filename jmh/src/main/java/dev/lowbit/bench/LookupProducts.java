package dev.lowbit.bench;

import dev.lowbit.jobs.bench.SampleMatrices;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.Accuracy;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.FloatMatrix;

/** Products y = W x by lookup with matrices of one format, {@value #SIZE} x {@value #SIZE}, one after another. */
final class LookupProducts implements AutoCloseable {
    /** Rows and columns. */
    static final int SIZE = 4096;

    /** Of the root of the sum of the squares of a row's terms: ten times what was measured at 2 to 4 bits. */
    private static final double ERROR = 0.2;

    private final Workers workers;
    private final FloatMatrix x;
    private final FloatMatrix y;
    private final QuantizedMatrix[] prepared;
    private int next;

    /**
     * Checks the product against sums in double over the dequantized matrix.
     *
     * @param matrices that are multiplied in turn: the first prepared so many times, so that their memory differs
     * @param workers who prepare and multiply
     */
    LookupProducts(String format, int matrices, Workers workers) {
        this.workers = workers;
        this.prepared = new QuantizedMatrix[matrices];
        try (FloatMatrix weights = SampleMatrices.gaussian(SIZE, SIZE)) {
            QuantizedMatrix matrix = SampleMatrices.of(format, weights, workers);
            for (int i = 0; i < matrices; i++) {
                prepared[i] = matrix.prepare(Accuracy.FAST, workers);
            }
            // sums of codewords have such a product only where bytes are looked up in all of 512 bits; elsewhere what
            // users get is measured
            Checks.require(
                    format.startsWith("aq") || prepared[0].accuracy() == Accuracy.FAST,
                    "no products by lookup of " + format + " on this machine");
            matrix.dequantize(0, weights, workers);
            this.x = Inputs.gaussian("vector", 1, SIZE);
            this.y = FloatMatrix.allocate(1, SIZE);
            multiply();
            Checks.vectorProduct(weights, x, y, ERROR);
        }
    }

    /** y = W x of the next matrix. */
    void multiply() {
        prepared[next].multiply(x, y, workers);
        next = next + 1 == prepared.length ? 0 : next + 1;
    }

    @Override
    public void close() {
        x.close();
        y.close();
    }
}
