package dev.lowbit.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.GoldenFile;
import dev.lowbit.SharedData;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Cross entropy and teacher divergence with the sum conventions of the INT2-LREC reference. */
class LossesGoldenTest {
    /** The data's README. */
    private static final double TOLERANCE = 1e-5;

    static List<Path> files() {
        return SharedData.files("golden/int2-lrec", "loss_", ".safetensors");
    }

    @ParameterizedTest
    @MethodSource("files")
    void valuesAndGradients(Path file) {
        try (GoldenFile golden = new GoldenFile(file)) {
            List<Long> shape = golden.shape("student_logits");
            int batchSize = shape.get(0).intValue();
            int length = shape.get(1).intValue();
            int vocabulary = shape.get(2).intValue();
            int[] ids = golden.ints("input_ids");
            int[][] sequences = new int[batchSize][];
            Arrays.setAll(sequences, s -> Arrays.copyOfRange(ids, s * length, (s + 1) * length));
            TokenBatch batch = TokenBatch.of(sequences);
            int rows = batchSize * length;

            FloatMatrix logits = FloatMatrix.wrap(rows, vocabulary, golden.floats("student_logits"));
            double ce = CrossEntropy.nextToken(batch).apply(0, logits, Workers.serial());
            assertThat(ce).isCloseTo(golden.numbers("ce")[0], within(TOLERANCE * Math.max(1, ce)));
            compare(logits, golden.floats("grad_ce"));

            FloatMatrix student = FloatMatrix.wrap(rows, vocabulary, golden.floats("student_logits"));
            FloatMatrix teacher = FloatMatrix.wrap(rows, vocabulary, golden.floats("teacher_logits"));
            double kl = new TeacherDivergence((first, count, workers) -> teacher.rows(first, count), 1.0 / batchSize)
                    .apply(0, student, Workers.serial());
            assertThat(kl).isCloseTo(golden.numbers("kl")[0], within(TOLERANCE * Math.max(1, kl)));
            compare(student, golden.floats("grad_kl"));

            double klWeight = golden.numbers("kl_weight")[0];
            double ceWeight = golden.numbers("ce_weight")[0];
            FloatMatrix again = FloatMatrix.wrap(rows, vocabulary, golden.floats("teacher_logits"));
            FloatMatrix both = FloatMatrix.wrap(rows, vocabulary, golden.floats("student_logits"));
            CrossEntropy text = CrossEntropy.nextToken(batch);
            double loss = new LossSum(
                            new TeacherDivergence(
                                    (first, count, workers) -> again.rows(first, count), klWeight / batchSize),
                            new CrossEntropy(text.targets(), ceWeight * text.weight()))
                    .apply(0, both, Workers.serial());
            assertThat(loss).isCloseTo(golden.numbers("loss")[0], within(TOLERANCE * Math.max(1, loss)));
            compare(both, golden.floats("grad_loss"));
        }
    }

    static List<Path> heads() {
        return SharedData.files("golden/pv-tuning", "kl", ".safetensors");
    }

    /** Hidden states h [tokens, n] and heads W [v, n] with offsets b on both sides, in double precision: h Wᵀ + b. */
    private static double[][] logits(GoldenFile golden, String side) {
        double[] hidden = golden.numbers(side + "_hidden");
        double[] weights = golden.numbers(side + "_w");
        double[] offsets = golden.numbers(side + "_b");
        int n = golden.shape(side + "_w").get(1).intValue();
        double[][] logits = new double[hidden.length / n][offsets.length];
        for (int t = 0; t < logits.length; t++) {
            for (int v = 0; v < offsets.length; v++) {
                logits[t][v] = offsets[v];
                for (int j = 0; j < n; j++) {
                    logits[t][v] += hidden[t * n + j] * weights[v * n + j];
                }
            }
        }
        return logits;
    }

    private static FloatMatrix single(double[][] logits) {
        FloatMatrix matrix = FloatMatrix.allocate(logits.length, logits[0].length);
        for (int t = 0; t < logits.length; t++) {
            for (int v = 0; v < logits[t].length; v++) {
                matrix.set(t, v, (float) logits[t][v]);
            }
        }
        return matrix;
    }

    /** Token-wise divergence and the gradients of its mean: the formula in double precision, then what we compute from single logits. */
    @ParameterizedTest
    @MethodSource("heads")
    void divergenceOfTwoHeads(Path file) {
        try (GoldenFile golden = new GoldenFile(file)) {
            double[][] students = logits(golden, "student");
            double[][] teachers = logits(golden, "teacher");
            double[] expected = golden.numbers("kl");
            for (int t = 0; t < expected.length; t++) {
                double[] student = ReferenceDecoder.logProbabilities(students[t]);
                double[] teacher = ReferenceDecoder.logProbabilities(teachers[t]);
                double divergence = 0;
                for (int v = 0; v < teacher.length; v++) {
                    divergence += Math.exp(teacher[v]) * (teacher[v] - student[v]);
                }
                assertThat(divergence).as("token %d", t).isCloseTo(expected[t], within(1e-10));
            }
            try (FloatMatrix gradients = single(students);
                    FloatMatrix teacher = single(teachers)) {
                double mean = new TeacherDivergence(
                                (first, count, workers) -> teacher.rows(first, count), 1.0 / expected.length)
                        .apply(0, gradients, Workers.serial());
                double average = Arrays.stream(expected).average().orElseThrow();
                assertThat(mean).isCloseTo(average, within(TOLERANCE * Math.max(1, average)));
                gradientsOfHead(golden, gradients);
            }
        }
    }

    /** Those of h are dz W, those of W dzᵀ h. */
    private static void gradientsOfHead(GoldenFile golden, FloatMatrix dz) {
        double[] hidden = golden.numbers("student_hidden");
        double[] weights = golden.numbers("student_w");
        int n = golden.shape("student_w").get(1).intValue();
        double[] dHidden = new double[hidden.length];
        double[] dWeights = new double[weights.length];
        for (int t = 0; t < dz.rows(); t++) {
            for (int v = 0; v < dz.columns(); v++) {
                for (int j = 0; j < n; j++) {
                    dHidden[t * n + j] += dz.get(t, v) * weights[v * n + j];
                    dWeights[v * n + j] += dz.get(t, v) * hidden[t * n + j];
                }
            }
        }
        compare(dHidden, golden.numbers("grad_student_hidden"));
        compare(dWeights, golden.numbers("grad_student_w"));
    }

    private static void compare(double[] actual, double[] expected) {
        double largest = Arrays.stream(expected).map(Math::abs).max().orElseThrow();
        assertThat(actual).containsExactly(expected, within(TOLERANCE * largest));
    }

    private static void compare(FloatMatrix actual, float[] expected) {
        float[] values = actual.toArray();
        for (int i = 0; i < values.length; i++) {
            float tolerance = (float) (TOLERANCE * (1 + Math.abs(expected[i])));
            assertThat(values[i]).as("%d", i).isCloseTo(expected[i], within(tolerance));
        }
    }
}
