package dev.lowbit.cuda.check;

import dev.lowbit.cuda.CudaDevice;
import dev.lowbit.cuda.kernels.AssignmentOnDevice;
import dev.lowbit.cuda.kernels.GramOnDevice;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Gram matrices and scores of codewords, whose chains of additions are known: equal to the bit. */
final class SumCases {
    private static final int[][] GRAMS = {{1, 1}, {3, 63}, {17, 64}, {16, 65}, {100, 130}};
    private static final int[][] ASSIGNMENTS = {{1, 2, 1}, {5, 256, 8}, {129, 16, 4}, {200, 33, 7}, {3, 300, 256}};

    private SumCases() {}

    static List<ParityCase> all() {
        List<ParityCase> cases = new ArrayList<>();
        for (int[] shape : GRAMS) {
            cases.add(new EqualCase("gram " + shape[0] + " x " + shape[1], device -> gram(device, shape[0], shape[1])));
        }
        for (int[] shape : ASSIGNMENTS) {
            cases.add(new EqualCase(
                    "assign " + shape[0] + " points to " + shape[1] + " x " + shape[2],
                    device -> assign(device, shape[0], shape[1], shape[2])));
        }
        return cases;
    }

    private static boolean gram(CudaDevice device, int tokens, int n) {
        double[] expected = new double[n * n];
        double[] actual = new double[n * n];
        try (GramOnDevice gram = new GramOnDevice(device.library(), n)) {
            for (int batch = 0; batch < 2; batch++) {
                FloatMatrix x = Samples.normal(tokens + batch, n, batch);
                gram.accumulate(x);
                for (int i = 0; i < n; i++) {
                    for (int j = 0; j <= i; j++) {
                        double sum = 0;
                        for (int t = 0; t < x.rows(); t++) {
                            sum = Math.fma((double) x.get(t, i), x.get(t, j), sum);
                        }
                        expected[i * n + j] += sum;
                        expected[j * n + i] = expected[i * n + j];
                    }
                }
            }
            gram.read(MemorySegment.ofArray(actual));
        }
        return Arrays.equals(expected, actual);
    }

    private static boolean assign(CudaDevice device, int points, int count, int dimension) {
        FloatMatrix words = Samples.normal(count, dimension, 1);
        words.rows(count - 1, 1).copyFrom(words.rows(0, 1));
        FloatMatrix from = Samples.normal(points, dimension, 2);
        float[] offsets = new float[count];
        for (int w = 0; w < count; w++) {
            double sum = 0;
            for (int i = 0; i < dimension; i++) {
                sum += (double) words.get(w, i) * words.get(w, i);
            }
            offsets[w] = (float) (-0.5 * sum);
        }
        float[] expected = new float[points * count];
        int[] expectedBest = new int[points];
        for (int p = 0; p < points; p++) {
            for (int w = 0; w < count; w++) {
                float score = offsets[w];
                for (int i = 0; i < dimension; i++) {
                    score = Math.fma(words.get(w, i), from.get(p, i), score);
                }
                expected[p * count + w] = score;
                if (score > expected[p * count + expectedBest[p]]) {
                    expectedBest[p] = w;
                }
            }
        }
        int[] best = new int[points];
        float[] bestScores = new float[points];
        FloatMatrix scores = FloatMatrix.wrap(points, count, new float[points * count]);
        try (AssignmentOnDevice assignment = new AssignmentOnDevice(device.library(), words, offsets)) {
            assignment.best(from, best, bestScores);
            assignment.scores(from, scores);
        }
        boolean same = Arrays.equals(expected, scores.toArray()) && Arrays.equals(expectedBest, best);
        for (int p = 0; p < points; p++) {
            same &= bestScores[p] == expected[p * count + best[p]];
        }
        return same;
    }
}
