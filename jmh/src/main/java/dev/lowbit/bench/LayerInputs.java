package dev.lowbit.bench;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.DoubleGemm;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.pvtuning.LayerWork;

/** The layer of the benchmarks of additive quantization: normal weights, inputs X = Z A whose spectrum falls as 1 / i. */
final class LayerInputs {
    /** Rows and columns, usually. */
    static final int SIZE = 1024;

    private LayerInputs() {}

    static LayerWork layer(int size, Workers workers) {
        double[] mixing = gaussian("mixing", size);
        for (int i = 0; i < mixing.length; i++) {
            mixing[i] /= Math.sqrt((double) size * (1 + i / size));
        }
        double[] moment = DoubleGemm.product(
                DoubleGemm.ofTransposed(mixing, size), size, DoubleGemm.of(mixing, size), size, size, workers);
        return new LayerWork(gaussian("layer", size), moment, size, workers);
    }

    private static double[] gaussian(String name, int size) {
        RandomStream stream = Inputs.stream(name);
        double[] values = new double[size * size];
        for (int i = 0; i < values.length; i++) {
            values[i] = stream.nextGaussian();
        }
        return values;
    }
}
