package dev.lowbit.transformer;

import java.util.Map;
import java.util.function.IntToDoubleFunction;

/**
 * The court: a decoder in plain double loops, one sequence, straight from the formulas. Parameters by tensor name, matrices
 * outputs x inputs.
 */
final class ReferenceDecoder {
    private final ModelShape shape;
    private final Map<String, double[]> p;
    private final boolean llama;
    private final String activation;
    private final IntToDoubleFunction scoreScale;
    private final double eps;
    private final double theta;

    ReferenceDecoder(
            ModelShape shape,
            Map<String, double[]> p,
            boolean llama,
            String activation,
            IntToDoubleFunction scoreScale,
            double eps,
            double theta) {
        this.shape = shape;
        this.p = p;
        this.llama = llama;
        this.activation = activation;
        this.scoreScale = scoreScale;
        this.eps = eps;
        this.theta = theta;
    }

    /** Logits, tokens x vocabulary. */
    double[][] logits(int[] ids) {
        int n = ids.length;
        int h = shape.hidden();
        double[] table = p.get(llama ? "model.embed_tokens.weight" : "transformer.wte.weight");
        double[][] x = new double[n][h];
        for (int t = 0; t < n; t++) {
            for (int i = 0; i < h; i++) {
                x[t][i] = table[ids[t] * h + i] + (llama ? 0 : p.get("transformer.wpe.weight")[t * h + i]);
            }
        }
        for (int l = 0; l < shape.layers(); l++) {
            String at = (llama ? "model.layers." : "transformer.h.") + l + ".";
            add(x, attention(at, scoreScale.applyAsDouble(l), norm(at + (llama ? "input_layernorm" : "ln_1"), x)));
            add(x, feedForward(at, norm(at + (llama ? "post_attention_layernorm" : "ln_2"), x)));
        }
        double[][] normed = norm(llama ? "model.norm" : "transformer.ln_f", x);
        double[] head = p.getOrDefault("lm_head.weight", table);
        double[][] logits = new double[n][shape.vocabulary()];
        for (int t = 0; t < n; t++) {
            for (int v = 0; v < shape.vocabulary(); v++) {
                for (int i = 0; i < h; i++) {
                    logits[t][v] += head[v * h + i] * normed[t][i];
                }
            }
        }
        return logits;
    }

    private static void add(double[][] x, double[][] term) {
        for (int t = 0; t < x.length; t++) {
            for (int i = 0; i < x[t].length; i++) {
                x[t][i] += term[t][i];
            }
        }
    }

    private double[][] norm(String name, double[][] x) {
        double[] w = p.get(name + ".weight");
        double[] b = p.get(name + ".bias");
        double[][] y = new double[x.length][w.length];
        for (int t = 0; t < x.length; t++) {
            double mean = 0;
            double squares = 0;
            for (double value : x[t]) {
                mean += llama ? 0 : value / w.length;
            }
            for (double value : x[t]) {
                squares += (value - mean) * (value - mean) / w.length;
            }
            for (int i = 0; i < w.length; i++) {
                y[t][i] = (x[t][i] - mean) / Math.sqrt(squares + eps) * w[i] + (b == null ? 0 : b[i]);
            }
        }
        return y;
    }

    private double[][] linear(String name, double[][] x) {
        double[] w = p.get(name + ".weight");
        double[] b = p.get(name + ".bias");
        int inputs = x[0].length;
        int outputs = w.length / inputs;
        double[][] y = new double[x.length][outputs];
        for (int t = 0; t < x.length; t++) {
            for (int o = 0; o < outputs; o++) {
                y[t][o] = b == null ? 0 : b[o];
                for (int i = 0; i < inputs; i++) {
                    y[t][o] += w[o * inputs + i] * x[t][i];
                }
            }
        }
        return y;
    }

    private double[][] attention(String at, double scale, double[][] x) {
        int d = shape.headDim();
        double[][] q;
        double[][] k;
        double[][] v;
        if (llama) {
            q = linear(at + "self_attn.q_proj", x);
            k = linear(at + "self_attn.k_proj", x);
            v = linear(at + "self_attn.v_proj", x);
            turn(q);
            turn(k);
        } else {
            double[][] fused = linear(at + "attn.c_attn", x);
            q = columns(fused, 0);
            k = columns(fused, 1);
            v = columns(fused, 2);
        }
        double[][] mixed = new double[x.length][shape.queryWidth()];
        for (int head = 0; head < shape.heads(); head++) {
            int shared = head / (shape.heads() / shape.keyValueHeads());
            for (int t = 0; t < x.length; t++) {
                double[] weights = new double[t + 1];
                double sum = 0;
                for (int s = 0; s <= t; s++) {
                    double score = 0;
                    for (int i = 0; i < d; i++) {
                        score += q[t][head * d + i] * k[s][shared * d + i];
                    }
                    weights[s] = Math.exp(scale * score);
                    sum += weights[s];
                }
                for (int s = 0; s <= t; s++) {
                    for (int i = 0; i < d; i++) {
                        mixed[t][head * d + i] += weights[s] / sum * v[s][shared * d + i];
                    }
                }
            }
        }
        return linear(at + (llama ? "self_attn.o_proj" : "attn.c_proj"), mixed);
    }

    private double[][] columns(double[][] fused, int third) {
        double[][] out = new double[fused.length][];
        for (int t = 0; t < fused.length; t++) {
            int width = fused[t].length / 3;
            out[t] = java.util.Arrays.copyOfRange(fused[t], third * width, (third + 1) * width);
        }
        return out;
    }

    private void turn(double[][] x) {
        int d = shape.headDim();
        for (int t = 0; t < x.length; t++) {
            for (int head = 0; head < x[t].length; head += d) {
                for (int i = 0; i < d / 2; i++) {
                    double angle = t * Math.pow(theta, -2.0 * i / d);
                    double a = x[t][head + i];
                    double b = x[t][head + d / 2 + i];
                    x[t][head + i] = a * Math.cos(angle) - b * Math.sin(angle);
                    x[t][head + d / 2 + i] = b * Math.cos(angle) + a * Math.sin(angle);
                }
            }
        }
    }

    private double[][] feedForward(String at, double[][] x) {
        double[][] inner = linear(at + (llama ? "mlp.gate_proj" : "mlp.c_fc"), x);
        double[][] up = llama ? linear(at + "mlp.up_proj", x) : null;
        for (int t = 0; t < x.length; t++) {
            for (int i = 0; i < inner[t].length; i++) {
                inner[t][i] = activate(inner[t][i]) * (llama ? up[t][i] : 1);
            }
        }
        return linear(at + (llama ? "mlp.down_proj" : "mlp.c_proj"), inner);
    }

    private double activate(double x) {
        return switch (activation) {
            case "silu" -> x / (1 + Math.exp(-x));
            case "gelu_new" -> 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
            case "gelu" -> x * normal(x);
            default -> Math.max(x, 0);
        };
    }

    /** Φ(x) = 1/2 + φ(x) Σ x^(2k+1) / (1·3·5···(2k+1)). */
    static double normal(double x) {
        double term = x;
        double sum = x;
        for (int k = 1; k < 200; k++) {
            term *= x * x / (2 * k + 1);
            sum += term;
        }
        return 0.5 + sum * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
    }

    /** Mean next-token loss of a sequence. */
    double loss(int[] ids) {
        double[][] logits = logits(ids);
        double loss = 0;
        for (int t = 0; t + 1 < ids.length; t++) {
            loss += -logProbabilities(logits[t])[ids[t + 1]] / (ids.length - 1);
        }
        return loss;
    }

    static double[] logProbabilities(double[] logits) {
        double max = java.util.Arrays.stream(logits).max().orElseThrow();
        double sum = 0;
        for (double logit : logits) {
            sum += Math.exp(logit - max);
        }
        double[] out = new double[logits.length];
        for (int i = 0; i < out.length; i++) {
            out[i] = logits[i] - max - Math.log(sum);
        }
        return out;
    }
}
