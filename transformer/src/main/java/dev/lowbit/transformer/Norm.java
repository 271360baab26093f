package dev.lowbit.transformer;

import dev.lowbit.kernel.Kernels;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;

/**
 * y = (x - mean) / √(var + eps) w + b over each token (LayerNorm), or y = x / √(mean x² + eps) w (RMSNorm, which neither centres
 * nor has a bias).
 *
 * @param name tensor name of the weight
 * @param weight 1 x hidden
 * @param biasName tensor name of the bias; null without one
 * @param bias 1 x hidden; null without one
 * @param eps added to the mean square
 * @param centred LayerNorm when true, RMSNorm when false
 */
record Norm(String name, FloatMatrix weight, String biasName, FloatMatrix bias, double eps, boolean centred) {
    /** y (overwritten) from x, both tokens x hidden. */
    void forward(FloatMatrix x, FloatMatrix y, Workers workers) {
        int n = x.columns();
        Tokens.forEach(x.rows(), workers, (from, to) -> {
            for (int t = from; t < to; t++) {
                float mean = mean(x, t);
                float inverse = inverse(x, t, mean);
                for (int i = 0; i < n; i++) {
                    float value = (Tokens.at(x, t, i) - mean) * inverse * Tokens.at(weight, 0, i);
                    Tokens.set(y, t, i, bias == null ? value : value + Tokens.at(bias, 0, i));
                }
            }
        });
    }

    private float mean(FloatMatrix x, int t) {
        if (!centred) {
            return 0;
        }
        double sum = 0;
        for (int i = 0; i < x.columns(); i++) {
            sum += Tokens.at(x, t, i);
        }
        return (float) (sum / x.columns());
    }

    private float inverse(FloatMatrix x, int t, float mean) {
        int n = x.columns();
        double squares = Kernels.get().sumOfSquares(x.segment(), (long) t * n, n) / n;
        if (centred) {
            squares = 0;
            for (int i = 0; i < n; i++) {
                double difference = (double) Tokens.at(x, t, i) - mean;
                squares += difference * difference;
            }
            squares /= n;
        }
        return (float) (1 / Math.sqrt(squares + eps));
    }

    /**
     * Adds the gradient of the input to {@code dx}. With x̂ = (x - mean) inv and g = dy w:
     * dx = inv (g - mean(g) - x̂ mean(g x̂)), without mean(g) when not centred.
     */
    void backward(FloatMatrix x, FloatMatrix dy, FloatMatrix dx, GradientSink sink, Workers workers) {
        int n = x.columns();
        float[] means = new float[x.rows()];
        float[] inverses = new float[x.rows()];
        Tokens.forEach(x.rows(), workers, (from, to) -> {
            for (int t = from; t < to; t++) {
                float mean = mean(x, t);
                float inverse = inverse(x, t, mean);
                means[t] = mean;
                inverses[t] = inverse;
                double sum = 0;
                double product = 0;
                for (int i = 0; i < n; i++) {
                    double g = (double) Tokens.at(dy, t, i) * Tokens.at(weight, 0, i);
                    sum += g;
                    product += g * ((Tokens.at(x, t, i) - mean) * inverse);
                }
                float meanGradient = centred ? (float) (sum / n) : 0;
                float meanProduct = (float) (product / n);
                for (int i = 0; i < n; i++) {
                    float g = Tokens.at(dy, t, i) * Tokens.at(weight, 0, i);
                    float unit = (Tokens.at(x, t, i) - mean) * inverse;
                    float value = inverse * (g - meanGradient - unit * meanProduct);
                    Tokens.set(dx, t, i, Tokens.at(dx, t, i) + value);
                }
            }
        });
        if (sink.wants(name)) {
            sink.vector(name, Tokens.sum(x.rows(), n, workers, (t, sums) -> {
                for (int i = 0; i < n; i++) {
                    sums[i] += (double) Tokens.at(dy, t, i) * ((Tokens.at(x, t, i) - means[t]) * inverses[t]);
                }
            }));
        }
        if (bias != null && sink.wants(biasName)) {
            sink.vector(biasName, Tokens.columnSums(dy, workers));
        }
    }
}
