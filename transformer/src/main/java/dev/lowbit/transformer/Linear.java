package dev.lowbit.transformer;

import dev.lowbit.kernel.Kernels;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.FloatMatrix;

/** y = W x + b with W in any representation. The weight can be replaced: by a compressed form, or by one being tuned. */
public final class Linear {
    private final String name;
    private final String biasName;
    private final FloatMatrix bias;
    private QuantizedMatrix weight;

    /**
     * A layer.
     *
     * @param name tensor name of the weight
     * @param weight outputs x inputs
     * @param biasName tensor name of the bias, null without one
     * @param bias 1 x outputs, null without one
     */
    public Linear(String name, QuantizedMatrix weight, String biasName, FloatMatrix bias) {
        this.name = name;
        this.weight = weight;
        this.biasName = biasName;
        this.bias = bias;
    }

    public String name() {
        return name;
    }

    String biasName() {
        return biasName;
    }

    FloatMatrix bias() {
        return bias;
    }

    public QuantizedMatrix weight() {
        return weight;
    }

    /** Exchanges the weight for another of the same shape. */
    public void replace(QuantizedMatrix other) {
        if (other.rows() != weight.rows() || other.columns() != weight.columns()) {
            throw new IllegalArgumentException(name + " is " + weight.rows() + " x " + weight.columns() + ", not "
                    + other.rows() + " x " + other.columns());
        }
        weight = other;
    }

    /** y (tokens x outputs, overwritten) from x (tokens x inputs). */
    void forward(FloatMatrix x, FloatMatrix y, LinearObserver observer, Workers workers) {
        observer.input(this, x);
        weight.multiply(x, y, workers);
        if (bias != null) {
            Tokens.forEach(y.rows(), workers, (from, to) -> {
                for (int t = from; t < to; t++) {
                    Kernels.get().axpy(1, bias.segment(), 0, y.segment(), (long) t * y.columns(), y.columns());
                }
            });
        }
    }

    /** Reports the gradients and, unless {@code dx} is null, writes dx = dy W (tokens x inputs, overwritten). */
    void backward(FloatMatrix x, FloatMatrix dy, FloatMatrix dx, GradientSink sink, Workers workers) {
        if (sink.wants(name)) {
            sink.linear(this, x, dy, workers);
        }
        if (bias != null && sink.wants(biasName)) {
            sink.vector(biasName, Tokens.columnSums(dy, workers));
        }
        if (dx != null) {
            weight.multiplyTransposed(dy, dx, workers);
        }
    }
}
