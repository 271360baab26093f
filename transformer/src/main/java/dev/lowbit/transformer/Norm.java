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
        float[] scale = weight.toArray();
        float[] shift = bias == null ? new float[0] : bias.toArray();
        Tokens.forEach(x.rows(), workers, (from, to) -> {
            float[] row = new float[n];
            for (int t = from; t < to; t++) {
                Tokens.read(x, t, row);
                float mean = mean(row);
                float inverse = inverse(x, t, row, mean);
                for (int i = 0; i < n; i++) {
                    row[i] = (row[i] - mean) * inverse * scale[i];
                }
                for (int i = 0; i < shift.length; i++) {
                    row[i] += shift[i];
                }
                Tokens.write(row, y, t);
            }
        });
    }

    private float mean(float[] row) {
        if (!centred) {
            return 0;
        }
        double sum = 0;
        for (float value : row) {
            sum += value;
        }
        return (float) (sum / row.length);
    }

    private float inverse(FloatMatrix x, int t, float[] row, float mean) {
        int n = row.length;
        double squares = 0;
        if (centred) {
            for (float value : row) {
                double difference = (double) value - mean;
                squares += difference * difference;
            }
        } else {
            squares = Kernels.get().sumOfSquares(x.segment(), (long) t * n, n);
        }
        return (float) (1 / Math.sqrt(squares / n + eps));
    }

    /**
     * Adds the gradient of the input to {@code dx}. With x̂ = (x - mean) inv and g = dy w:
     * dx = inv (g - mean(g) - x̂ mean(g x̂)), without mean(g) when not centred.
     */
    void backward(FloatMatrix x, FloatMatrix dy, FloatMatrix dx, GradientSink sink, Workers workers) {
        int n = x.columns();
        float[] scale = weight.toArray();
        float[] means = new float[x.rows()];
        float[] inverses = new float[x.rows()];
        Tokens.forEach(x.rows(), workers, (from, to) -> {
            float[] row = new float[n];
            float[] gradient = new float[n];
            float[] sum = new float[n];
            for (int t = from; t < to; t++) {
                Tokens.read(x, t, row);
                Tokens.read(dy, t, gradient);
                Tokens.read(dx, t, sum);
                float mean = mean(row);
                float inverse = inverse(x, t, row, mean);
                means[t] = mean;
                inverses[t] = inverse;
                for (int i = 0; i < n; i++) {
                    row[i] = (row[i] - mean) * inverse;
                }
                double total = 0;
                double product = 0;
                for (int i = 0; i < n; i++) {
                    double g = (double) gradient[i] * scale[i];
                    total += g;
                    product += g * row[i];
                }
                float meanGradient = centred ? (float) (total / n) : 0;
                float meanProduct = (float) (product / n);
                for (int i = 0; i < n; i++) {
                    sum[i] += inverse * (gradient[i] * scale[i] - meanGradient - row[i] * meanProduct);
                }
                Tokens.write(sum, dx, t);
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
