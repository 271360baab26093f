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
    /** Values of order 1, exponentials with a relative error of 2.5e-7. */
    private static final double TOLERANCE = 2e-6;

    static List<Path> files() {
        return SharedData.files("golden/int2-lrec", "loss_", ".safetensors");
    }

    @ParameterizedTest
    @MethodSource("files")
    void valuesAndGradients(Path file) {
        String[] sizes = file.getFileName()
                .toString()
                .replaceAll("loss_|\\.safetensors", "")
                .split("x");
        int batchSize = Integer.parseInt(sizes[0]);
        int length = Integer.parseInt(sizes[1]);
        int vocabulary = Integer.parseInt(sizes[2]);
        try (GoldenFile golden = new GoldenFile(file)) {
            int[] ids = golden.ints("input_ids");
            int[][] sequences = new int[batchSize][];
            Arrays.setAll(sequences, s -> Arrays.copyOfRange(ids, s * length, (s + 1) * length));
            TokenBatch batch = TokenBatch.of(sequences);
            int rows = batchSize * length;

            FloatMatrix logits = FloatMatrix.wrap(rows, vocabulary, golden.floats("student_logits"));
            double ce = CrossEntropy.nextToken(batch).apply(0, logits, Workers.serial());
            assertThat(ce).isCloseTo(Doubles.of(golden, "ce")[0], within(TOLERANCE * Math.max(1, ce)));
            compare(logits, golden.floats("grad_ce"));

            FloatMatrix student = FloatMatrix.wrap(rows, vocabulary, golden.floats("student_logits"));
            FloatMatrix teacher = FloatMatrix.wrap(rows, vocabulary, golden.floats("teacher_logits"));
            double kl = new TeacherDivergence((first, count, workers) -> teacher.rows(first, count), 1.0 / batchSize)
                    .apply(0, student, Workers.serial());
            assertThat(kl).isCloseTo(Doubles.of(golden, "kl")[0], within(TOLERANCE * Math.max(1, kl)));
            compare(student, golden.floats("grad_kl"));

            double klWeight = Doubles.of(golden, "kl_weight")[0];
            double ceWeight = Doubles.of(golden, "ce_weight")[0];
            FloatMatrix again = FloatMatrix.wrap(rows, vocabulary, golden.floats("teacher_logits"));
            FloatMatrix both = FloatMatrix.wrap(rows, vocabulary, golden.floats("student_logits"));
            CrossEntropy text = CrossEntropy.nextToken(batch);
            double loss = new LossSum(
                            new TeacherDivergence(
                                    (first, count, workers) -> again.rows(first, count), klWeight / batchSize),
                            new CrossEntropy(text.targets(), ceWeight * text.weight()))
                    .apply(0, both, Workers.serial());
            assertThat(loss).isCloseTo(Doubles.of(golden, "loss")[0], within(TOLERANCE * Math.max(1, loss)));
            compare(both, golden.floats("grad_loss"));
        }
    }

    private static void compare(FloatMatrix actual, float[] expected) {
        float[] values = actual.toArray();
        for (int i = 0; i < values.length; i++) {
            float tolerance = (float) (TOLERANCE * (1 + Math.abs(expected[i])));
            assertThat(values[i]).as("%d", i).isCloseTo(expected[i], within(tolerance));
        }
    }
}
