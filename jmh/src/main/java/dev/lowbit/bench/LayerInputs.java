package dev.lowbit.bench;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.DoubleGemm;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.pvtuning.LayerWork;

/** The layer of the benchmarks of additive quantization: normal weights, inputs X = Z A whose spectrum falls as 1 / i. */
final class LayerInputs {
    /** Rows and columns. */
    static final int SIZE = 1024;

    private LayerInputs() {}

    static LayerWork layer(Workers workers) {
        double[] mixing = gaussian("mixing");
        for (int i = 0; i < mixing.length; i++) {
            mixing[i] /= Math.sqrt((double) SIZE * (1 + i / SIZE));
        }
        double[] moment = DoubleGemm.product(
                DoubleGemm.ofTransposed(mixing, SIZE), SIZE, DoubleGemm.of(mixing, SIZE), SIZE, SIZE, workers);
        return new LayerWork(gaussian("layer"), moment, SIZE, workers);
    }

    private static double[] gaussian(String name) {
        RandomStream stream = Inputs.stream(name);
        double[] values = new double[SIZE * SIZE];
        for (int i = 0; i < values.length; i++) {
            values[i] = stream.nextGaussian();
        }
        return values;
    }
}
