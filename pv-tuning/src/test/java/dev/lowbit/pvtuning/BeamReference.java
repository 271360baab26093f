package dev.lowbit.pvtuning;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Beam search as its formulas say it: every hypothesis is decoded and multiplied by H again at each visit. */
final class BeamReference {
    private final LayerProblem problem;
    private final AdditiveWeights weights;
    private final Tiling tiling;

    private record Hypothesis(int[] codes, double loss) {}

    private record Candidate(int hypothesis, int code, double loss) {}

    BeamReference(LayerProblem problem, AdditiveWeights weights) {
        this.problem = problem;
        this.weights = weights;
        this.tiling = weights.tiling();
    }

    /** The codes found and, of every row of tiles, the losses of the best hypothesis after each visit. */
    record Result(int[] codes, List<double[]> losses) {}

    Result search(BeamOrder order, int beam) {
        int length = tiling.tileColumns() * weights.codebooks();
        int[] found = new int[weights.codes().length];
        List<double[]> losses = new ArrayList<>();
        for (int p = 0; p < tiling.tileRows(); p++) {
            int[] start = java.util.Arrays.copyOfRange(weights.codes(), p * length, (p + 1) * length);
            List<Hypothesis> hypotheses = List.of(new Hypothesis(start, loss(p, start)));
            double[] trace = new double[length];
            int visit = 0;
            for (int t = 0; t < order.groups().length; t++) {
                for (int m : order.codebooks()[t]) {
                    hypotheses = visit(p, order.groups()[t], m, hypotheses, beam);
                    trace[visit++] = hypotheses.getFirst().loss();
                }
            }
            System.arraycopy(hypotheses.getFirst().codes(), 0, found, p * length, length);
            losses.add(trace);
        }
        return new Result(found, losses);
    }

    private List<Hypothesis> visit(int p, int q, int m, List<Hypothesis> hypotheses, int beam) {
        int place = q * weights.codebooks() + m;
        double s = weights.scales()[weights.scaleAt(p, q)];
        List<Candidate> candidates = new ArrayList<>();
        for (int i = 0; i < hypotheses.size(); i++) {
            Hypothesis hypothesis = hypotheses.get(i);
            int old = hypothesis.codes()[place];
            double[][] v = projected(p, q, m, hypothesis.codes(), s);
            double ofOld = linear(m, old, v);
            double squareOfOld = quadratic(q, m, old);
            for (int k = 0; k < weights.entries(); k++) {
                double loss = hypothesis.loss()
                        - 2 * s * (linear(m, k, v) - ofOld)
                        + s * s * quadratic(q, m, k)
                        - s * s * squareOfOld;
                candidates.add(new Candidate(i, k, loss));
            }
        }
        candidates.sort(Comparator.comparingDouble(Candidate::loss));
        List<Hypothesis> next = new ArrayList<>();
        for (Candidate candidate : candidates.subList(0, Math.min(beam, candidates.size()))) {
            int[] codes = hypotheses.get(candidate.hypothesis()).codes().clone();
            codes[place] = candidate.code();
            next.add(new Hypothesis(codes, candidate.loss()));
        }
        return next;
    }

    /** v = (D H)_q of the rows of a tile, D = W - Ŵ with the old codeword added back. */
    private double[][] projected(int p, int q, int m, int[] codes, double s) {
        double[] d = difference(p, codes);
        int old = weights.at(m, codes[q * weights.codebooks() + m]);
        int width = tiling.inGroup();
        int n = tiling.columns();
        double[][] v = new double[tiling.outGroup()][width];
        for (int a = 0; a < tiling.outGroup(); a++) {
            for (int c = 0; c < width; c++) {
                d[a * n + q * width + c] += s * weights.codewords()[old + a * width + c];
            }
            for (int c = 0; c < width; c++) {
                for (int j = 0; j < n; j++) {
                    v[a][c] += d[a * n + j] * problem.moment().at(j, q * width + c);
                }
            }
        }
        return v;
    }

    /** W - Ŵ of one row of tiles. */
    private double[] difference(int p, int[] codes) {
        int width = tiling.inGroup();
        int n = tiling.columns();
        double[] d = new double[tiling.outGroup() * n];
        for (int i = 0; i < d.length; i++) {
            int a = i / n;
            int q = i % n / width;
            double sum = 0;
            for (int m = 0; m < weights.codebooks(); m++) {
                sum += weights.codewords()[weights.at(m, codes[q * weights.codebooks() + m]) + a * width + i % width];
            }
            d[i] = problem.weights()[p * d.length + i] - weights.scales()[weights.scaleAt(p, q)] * sum;
        }
        return d;
    }

    private double loss(int p, int[] codes) {
        double[] d = difference(p, codes);
        int n = tiling.columns();
        double sum = 0;
        for (int a = 0; a < tiling.outGroup(); a++) {
            for (int i = 0; i < n; i++) {
                for (int j = 0; j < n; j++) {
                    sum += d[a * n + i] * problem.moment().at(i, j) * d[a * n + j];
                }
            }
        }
        return sum;
    }

    private double linear(int m, int k, double[][] v) {
        double sum = 0;
        for (int i = 0; i < tiling.tileSize(); i++) {
            sum += weights.codewords()[weights.at(m, k) + i] * v[i / tiling.inGroup()][i % tiling.inGroup()];
        }
        return sum;
    }

    private double quadratic(int q, int m, int k) {
        int width = tiling.inGroup();
        double sum = 0;
        for (int a = 0; a < tiling.outGroup(); a++) {
            int at = weights.at(m, k) + a * width;
            for (int i = 0; i < width; i++) {
                for (int j = 0; j < width; j++) {
                    sum += weights.codewords()[at + i]
                            * problem.moment().at(q * width + i, q * width + j)
                            * weights.codewords()[at + j];
                }
            }
        }
        return sum;
    }
}
