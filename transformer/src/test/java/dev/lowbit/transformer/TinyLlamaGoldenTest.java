package dev.lowbit.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lowbit.GoldenFile;
import dev.lowbit.SharedData;
import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.StrictJson;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The tiny Llama of the PV-tuning data: logits, token-wise KL and the gradient of its mean for every student weight. */
class TinyLlamaGoldenTest {
    /** Float arithmetic beside a float64 reference, of the largest logit or of 1: each is the end of some 60 roundings. */
    private static final double LOGITS = 2e-5;

    /** Of a gradient's largest value, as in {@link GradientsTest}. */
    private static final double GRADIENTS = 1e-4;

    private static final String TRACE = "trace.P_only";

    private static final Map<String, String> NAMES = names();

    @TempDir
    Path folder;

    private Path file;
    private SmallModels small;

    private static Map<String, String> names() {
        Map<String, String> names = new LinkedHashMap<>();
        names.put("q", "self_attn.q_proj.weight");
        names.put("k", "self_attn.k_proj.weight");
        names.put("v", "self_attn.v_proj.weight");
        names.put("o", "self_attn.o_proj.weight");
        names.put("gate", "mlp.gate_proj.weight");
        names.put("up", "mlp.up_proj.weight");
        names.put("down", "mlp.down_proj.weight");
        names.put("n1", "input_layernorm.weight");
        names.put("n2", "post_attention_layernorm.weight");
        return names;
    }

    @BeforeEach
    void open() {
        file = SharedData.files("golden/pv-tuning", "tiny_llama.", "safetensors")
                .getFirst();
        try (GoldenFile golden = new GoldenFile(file)) {
            Map<String, Object> config = config(golden.metadata().get("config"));
            small = new SmallModels(
                            new ModelShape(
                                    number(config, "dim"),
                                    number(config, "layers"),
                                    number(config, "heads"),
                                    number(config, "kv_heads"),
                                    number(config, "head_dim"),
                                    number(config, "ffn"),
                                    number(config, "vocab"),
                                    number(config, "seq")),
                            true,
                            "silu",
                            false,
                            (Boolean) config.get("tie_embeddings"),
                            1)
                    .constants(
                            ((Number) config.get("rms_eps")).doubleValue(),
                            ((Number) config.get("rope_theta")).doubleValue());
        }
    }

    /** A dictionary as Python prints it. */
    private Map<String, Object> config(String printed) {
        String json = printed.replace('\'', '"').replace("False", "false").replace("True", "true");
        return StrictJson.parseObject(file, json, Limits.defaults());
    }

    private static int number(Map<String, Object> config, String key) {
        return ((Number) config.get(key)).intValue();
    }

    /** The file's short name of a tensor: l0.q, embed, ... */
    private static String shortName(String name) {
        return switch (name) {
            case "model.embed_tokens.weight" -> "embed";
            case "model.norm.weight" -> "norm";
            case "lm_head.weight" -> "head";
            default -> {
                String layer = name.split("\\.")[2];
                String rest = name.substring("model.layers.".length() + layer.length() + 1);
                yield "l" + layer + "."
                        + NAMES.entrySet().stream()
                                .filter(e -> e.getValue().equals(rest))
                                .findFirst()
                                .orElseThrow()
                                .getKey();
            }
        };
    }

    /** Teacher weights, or for a quantized projection of the student scale * (sum of the codewords of each group). */
    private static float[] weight(GoldenFile golden, String shortName, boolean student) {
        if (!student || !golden.has("init." + shortName + ".codes")) {
            return golden.floats("teacher." + shortName);
        }
        return new Codewords(golden, "init." + shortName).weights();
    }

    private void fill(Transformer model, GoldenFile golden, boolean student) {
        model.floatParameters().forEach((name, values) -> {
            float[] weights = weight(golden, shortName(name), student);
            values.copyFrom(FloatMatrix.wrap(values.rows(), values.columns(), weights));
            double[] doubles = new double[weights.length];
            Arrays.setAll(doubles, i -> weights[i]);
            small.parameters.put(name, doubles);
        });
    }

    private static int[][] sequences(GoldenFile golden) {
        int[] ids = golden.ints("tokens");
        int length = golden.shape("tokens").getLast().intValue();
        int[][] sequences = new int[ids.length / length][];
        Arrays.setAll(sequences, s -> Arrays.copyOfRange(ids, s * length, (s + 1) * length));
        return sequences;
    }

    @Test
    void theDoubleReferenceIsRight() {
        try (GoldenFile golden = new GoldenFile(file);
                Transformer model = small.load(folder)) {
            fill(model, golden, false);
            double[] expected = golden.numbers("teacher_logits");
            int at = 0;
            for (int[] sequence : sequences(golden)) {
                for (double[] row : small.reference().logits(sequence)) {
                    for (double logit : row) {
                        assertThat(logit).isCloseTo(expected[at], within(1e-9 * Math.max(1, Math.abs(expected[at]))));
                        at++;
                    }
                }
            }
        }
    }

    @Test
    void divergenceAndItsGradients() {
        try (GoldenFile golden = new GoldenFile(file);
                Transformer teacher = small.load(folder.resolve("teacher"));
                Transformer student = small.load(folder.resolve("student"));
                Workspace space = new Workspace();
                Workspace teacherSpace = new Workspace();
                DenseGradients sink = new DenseGradients(student.shape(), name -> true)) {
            fill(teacher, golden, false);
            fill(student, golden, true);
            TokenBatch batch = TokenBatch.of(sequences(golden));
            int vocabulary = small.shape.vocabulary();
            FloatMatrix logits = FloatMatrix.wrap(batch.tokens(), vocabulary, new float[batch.tokens() * vocabulary]);
            student.logits(student.hidden(batch, space, Workers.serial()), logits, Workers.serial());
            double[] expectedLogits = golden.numbers("student_logits");
            double most = Arrays.stream(expectedLogits).map(Math::abs).max().orElseThrow();
            for (int i = 0; i < expectedLogits.length; i++) {
                assertThat((double) logits.get(i / vocabulary, i % vocabulary))
                        .isCloseTo(expectedLogits[i], within(LOGITS * Math.max(1, most)));
            }

            teacher.logits(teacher.hidden(batch, teacherSpace, Workers.serial()), logits, Workers.serial());
            double[] expectedKl = golden.numbers("kl");
            TeacherDivergence loss =
                    new TeacherDivergence((first, rows, workers) -> logits.rows(first, rows), 1.0 / batch.tokens());
            double mean = student.backward(batch, loss, sink, space, Workers.serial());
            // KL of order 1 to 5 from logits within 2e-5
            assertThat(mean).isCloseTo(golden.numbers("kl_mean")[0], within(1e-5));
            assertThat(mean).isCloseTo(Arrays.stream(expectedKl).average().orElseThrow(), within(1e-5));
            for (String name : small.parameters.keySet()) {
                double[] expected = golden.numbers("grad." + shortName(name));
                double largest = Arrays.stream(expected).map(Math::abs).max().orElseThrow();
                float[] actual = sink.gradients().get(name).toArray();
                for (int i = 0; i < expected.length; i++) {
                    assertThat((double) actual[i])
                            .as("%s[%d]", name, i)
                            .isCloseTo(expected[i], within(GRADIENTS * largest));
                }
            }
        }
    }

    /**
     * Thirty steps of Adam on codebooks and scales, codes fixed, from our gradients: the stored trace of the mean KL. The authors' Adam
     * adds ε to the root before both moments are debiased. Gradients are float, the steps double.
     */
    @Test
    void theTraceOfTunedCodebooksAndScales() {
        Path runs = SharedData.files("golden/pv-tuning", "tiny_llama_runs", "safetensors")
                .getFirst();
        try (GoldenFile traces = new GoldenFile(runs)) {
            if (!traces.has(TRACE)) {
                System.out.println("skipped: no " + TRACE + " in " + runs);
            }
            assumeTrue(traces.has(TRACE), TRACE);
        }
        try (GoldenFile golden = new GoldenFile(file);
                GoldenFile traces = new GoldenFile(runs);
                Transformer teacher = small.load(folder.resolve("teacher"));
                Transformer student = small.load(folder.resolve("student"));
                Workspace space = new Workspace();
                Workspace teacherSpace = new Workspace()) {
            fill(teacher, golden, false);
            fill(student, golden, true);
            Map<String, Codewords> tuned = new LinkedHashMap<>();
            for (String name : small.parameters.keySet()) {
                if (golden.has("init." + shortName(name) + ".codes")) {
                    tuned.put(name, new Codewords(golden, "init." + shortName(name)));
                }
            }
            TokenBatch batch = TokenBatch.of(sequences(golden));
            FloatMatrix logits = FloatMatrix.wrap(
                    batch.tokens(), small.shape.vocabulary(), new float[batch.tokens() * small.shape.vocabulary()]);
            teacher.logits(teacher.hidden(batch, teacherSpace, Workers.serial()), logits, Workers.serial());
            TeacherDivergence loss = new TeacherDivergence(
                    (first, rows, workers) -> copy(logits.rows(first, rows)), 1.0 / batch.tokens());
            double[] expected = traces.numbers(TRACE);
            for (int step = 0; step < expected.length; step++) {
                try (DenseGradients sink = new DenseGradients(student.shape(), tuned::containsKey)) {
                    double mean = student.backward(batch, loss, sink, space, Workers.serial());
                    // the tolerance stated with the data
                    assertThat(mean).as("step " + step).isCloseTo(expected[step], within(1e-5 * expected[step]));
                    int taken = step + 1;
                    tuned.forEach((name, words) -> {
                        words.step(sink.gradients().get(name).toArray(), taken);
                        student.floatParameters().get(name).copyFrom(words.weights(student, name));
                    });
                }
            }
        }
    }

    /** The loss may modify what the teacher gives. */
    private static FloatMatrix copy(FloatMatrix matrix) {
        return FloatMatrix.wrap(matrix.rows(), matrix.columns(), matrix.toArray());
    }

    /** A projection as scale * (sum of the codewords of a group), one scale a row, and the authors' Adam for its trainable parts. */
    private static final class Codewords {
        private static final double RATE = 1e-3;
        private static final double BETA1 = 0.9;
        private static final double BETA2 = 0.95;
        private static final double EPSILON = 1e-6;

        private final int[] codes;
        /** Codebooks K of so many words of so many weights. */
        private final int codebooks;

        private final int words;
        private final int width;
        /** In a row. */
        private final int groups;
        /** All codebooks, then the scales. */
        private final double[] values;

        private final double[] mean;
        private final double[] square;
        private final int books;

        Codewords(GoldenFile golden, String name) {
            codes = Arrays.stream(golden.numbers(name + ".codes"))
                    .mapToInt(code -> (int) code)
                    .toArray();
            List<Long> shape = golden.shape(name + ".codebooks");
            codebooks = shape.get(0).intValue();
            words = shape.get(1).intValue();
            assertThat(shape.get(2)).as("rows of a codeword").isEqualTo(1);
            width = shape.get(3).intValue();
            double[] entries = widened(golden.floats(name + ".codebooks"));
            double[] scales = widened(golden.floats(name + ".scales"));
            books = entries.length;
            groups = codes.length / codebooks / scales.length;
            values = Arrays.copyOf(entries, books + scales.length);
            System.arraycopy(scales, 0, values, books, scales.length);
            mean = new double[values.length];
            square = new double[values.length];
        }

        private static double[] widened(float[] floats) {
            double[] doubles = new double[floats.length];
            Arrays.setAll(doubles, i -> floats[i]);
            return doubles;
        }

        private int word(int group, int book) {
            return (book * words + codes[codebooks * group + book]) * width;
        }

        private double sum(int weight) {
            double sum = 0;
            for (int k = 0; k < codebooks; k++) {
                sum += values[word(weight / width, k) + weight % width];
            }
            return sum;
        }

        /** In single precision. */
        float[] weights() {
            float[] weights = new float[codes.length / codebooks * width];
            for (int i = 0; i < weights.length; i++) {
                weights[i] = (float) (values[books + i / width / groups] * sum(i));
            }
            return weights;
        }

        FloatMatrix weights(Transformer model, String name) {
            FloatMatrix like = model.floatParameters().get(name);
            return FloatMatrix.wrap(like.rows(), like.columns(), weights());
        }

        void step(float[] dWeights, int taken) {
            double[] gradient = new double[values.length];
            for (int i = 0; i < dWeights.length; i++) {
                int group = i / width;
                int scale = books + group / groups;
                for (int k = 0; k < codebooks; k++) {
                    gradient[word(group, k) + i % width] += values[scale] * dWeights[i];
                }
                gradient[scale] += sum(i) * dWeights[i];
            }
            double debias = Math.sqrt(1 - Math.pow(BETA2, taken)) / (1 - Math.pow(BETA1, taken));
            for (int i = 0; i < values.length; i++) {
                mean[i] = BETA1 * mean[i] + (1 - BETA1) * gradient[i];
                square[i] = BETA2 * square[i] + (1 - BETA2) * gradient[i] * gradient[i];
                values[i] -= RATE * debias * mean[i] / (Math.sqrt(square[i]) + EPSILON);
            }
        }
    }
}
