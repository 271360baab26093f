package dev.lowbit.jobs.compress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.jobs.Lowbit;
import dev.lowbit.store.Manifest;
import dev.lowbit.store.MatrixEntry;
import dev.lowbit.tensor.FloatMatrix;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code --calibration} through the whole command: what it changes, what is measured, and which files are refused. */
class CalibrationTest {
    private static final String BITS = "2.6";
    private static final List<String> NAMES = List.of(
            "model.layers.0.q_proj.weight",
            "model.layers.0.up_proj.weight",
            "model.layers.1.q_proj.weight",
            "h.0.mlp.c_fc.weight");

    @TempDir
    private static Path folder;

    private static Path model;
    private static Path fisher;
    private static Path weighted;
    private static Path plain;
    private static JsonNode plan;
    private static JsonNode result;

    private static SmallModel weights() {
        return new SmallModel()
                .random(NAMES.get(0), 40, 48, 1)
                .random(NAMES.get(1), 72, 48, 2)
                .random(NAMES.get(2), 40, 48, 3)
                .random(NAMES.get(3), 48, 56, 4)
                .vector("model.norm.weight", 48);
    }

    /** Squares whose rows and columns differ as those of trained models do: by orders of magnitude. */
    private static SmallModel importance(float factor) {
        SmallModel fisher = new SmallModel();
        Random random = new Random(5);
        int[][] shapes = {{40, 48}, {72, 48}, {40, 48}, {48, 56}};
        for (int k = 0; k < shapes.length; k++) {
            int columns = shapes[k][1];
            double[] column = random.doubles(columns, -2, 2).toArray();
            float[] values = new float[shapes[k][0] * columns];
            for (int i = 0; i < shapes[k][0]; i++) {
                double row = random.nextDouble(-2, 2);
                for (int j = 0; j < columns; j++) {
                    double gradient = random.nextGaussian() * Math.exp(row + column[j]);
                    values[i * columns + j] = factor * (float) (gradient * gradient);
                }
            }
            fisher.matrix(NAMES.get(k), shapes[k][0], columns, values);
        }
        return fisher;
    }

    private static Path file(SmallModel tensors, String name) {
        return tensors.write(folder.resolve(name)).resolve("model.safetensors");
    }

    @BeforeAll
    static void compress() {
        model = weights().write(folder.resolve("model"));
        fisher = file(importance(1), "fisher");
        weighted = folder.resolve("weighted");
        plain = folder.resolve("plain");
        plan = json("plan", model, "--calibration", fisher);
        result = json("compress", model, "--calibration", fisher, "--out", weighted);
        json("compress", model, "--out", plain);
    }

    private static JsonNode json(String command, Path model, Object... more) {
        return JsonMapper.shared().readTree(succeed(command, model, more).out());
    }

    private static Lowbit succeed(String command, Path model, Object... more) {
        Lowbit run = run(command, model, more);
        assertThat(run.code()).as(run.err()).isZero();
        return run;
    }

    private static Lowbit run(String command, Path model, Object... more) {
        Object[] args = new Object[8 + more.length];
        System.arraycopy(
                new Object[] {command, model, "--bits", BITS, "--rank", 4, "--quiet", "--json"}, 0, args, 0, 8);
        System.arraycopy(more, 0, args, 8, more.length);
        return Lowbit.run(args);
    }

    /** sum F (W - Ŵ)^2 of one tensor as any reader of the exported model would compute it. */
    private static double weightedError(Path compressed, String name) {
        Path export = folder.resolve("export-" + compressed.getFileName());
        if (!Files.exists(export)) {
            assertThat(Lowbit.run("export", compressed, "--to", "safetensors", "--out", export, "--quiet")
                            .code())
                    .isZero();
        }
        try (Checkpoint source = Checkpoint.open(model);
                Checkpoint stored = Checkpoint.open(export);
                Checkpoint diagonal = Checkpoint.open(fisher);
                FloatMatrix w = source.matrix(name);
                FloatMatrix restored = stored.matrix(name);
                FloatMatrix f = diagonal.matrix(name)) {
            double sum = 0;
            for (int i = 0; i < w.rows(); i++) {
                for (int j = 0; j < w.columns(); j++) {
                    double difference = (double) w.get(i, j) - restored.get(i, j);
                    sum += f.get(i, j) * difference * difference;
                }
            }
            return sum;
        }
    }

    private static double weightedError(Path compressed) {
        return NAMES.stream()
                .mapToDouble(name -> weightedError(compressed, name))
                .sum();
    }

    @Test
    void theManifestHoldsTheWeightedErrorOfTheBytesWritten() {
        for (MatrixEntry matrix : Manifest.read(weighted).matrices()) {
            double expected = weightedError(weighted, matrix.name());
            // some thousand terms summed in double in two orders
            assertThat(matrix.error().orElseThrow().weightedError()).isCloseTo(expected, within(1e-12 * expected));
            assertThat(matrix.error().orElseThrow().weightedError())
                    .isNotEqualTo(matrix.error().orElseThrow().squaredError());
        }
        for (MatrixEntry matrix : Manifest.read(plain).matrices()) {
            assertThat(matrix.error().orElseThrow().weightedError())
                    .isEqualTo(matrix.error().orElseThrow().squaredError());
        }
        assertThat(Lowbit.run("verify", weighted).code()).isZero();
    }

    /** Confirmed errors bound what is written from above; a decomposition that goes on gains some more percent. */
    @Test
    void theObjectiveIsTheWeightedErrorOfWhatIsWritten() {
        double objective = result.get("objective").doubleValue();
        assertThat(weightedError(weighted)).isLessThanOrEqualTo(objective).isGreaterThan(0.8 * objective);
        assertThat(result.get("bound").doubleValue()).isLessThanOrEqualTo(objective);
        assertThat(Manifest.read(weighted).job().objective()).isEqualTo(objective);
    }

    @Test
    void weightingLowersTheWeightedErrorAtTheSameBudget() {
        assertThat(result.get("bitsPerWeight").doubleValue()).isLessThanOrEqualTo(Double.parseDouble(BITS));
        assertThat(Jobs.digests(weighted).get("model.safetensors"))
                .isNotEqualTo(Jobs.digests(plain).get("model.safetensors"));
        assertThat(weightedError(weighted)).isLessThan(0.9 * weightedError(plain));
    }

    @Test
    void planForeseesTheSameBytesAndObjective() {
        for (String field : List.of("bytes", "outputBytes", "objective", "bound")) {
            assertThat(plan.get(field)).as(field).isEqualTo(result.get(field));
        }
        assertThat(plan.has("relativeError"))
                .as("a weighted objective is relative to no norm")
                .isFalse();
        assertThat(result.get("relativeError").doubleValue()).isPositive();
        assertThat(Jobs.bytes(weighted)).isEqualTo(result.get("outputBytes").longValue());
    }

    @Test
    void theManifestRecordsTheDigestOfTheFile() throws Exception {
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(fisher));
        assertThat(Manifest.read(weighted).job().options())
                .containsEntry("importance", HexFormat.of().formatHex(digest));
        assertThat(Manifest.read(plain).job().options()).containsEntry("importance", "");
    }

    @Test
    void threadsChangeNoByteAndACommonFactorNoDecision() {
        Path threads = folder.resolve("three-threads");
        succeed("compress", model, "--calibration", fisher, "--out", threads, "--threads", 3);
        assertThat(Jobs.digests(threads)).isEqualTo(Jobs.digests(weighted));
        Path scaled = folder.resolve("scaled");
        succeed("compress", model, "--calibration", file(importance(64), "fisher-64"), "--out", scaled);
        assertThat(Jobs.digests(scaled).get("model.safetensors"))
                .isEqualTo(Jobs.digests(weighted).get("model.safetensors"));
        assertThat(Manifest.read(scaled).job().objective())
                .isEqualTo(64 * Manifest.read(weighted).job().objective());
    }

    /** Nothing is predicted of the plain error where another is minimised. */
    @Test
    void planSaysNoErrorThatItDoesNotKnow() {
        Lowbit run = Lowbit.run("plan", model, "--bits", BITS, "--rank", 4, "--calibration", fisher, "--quiet");
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.out().lines())
                .noneMatch(line -> line.startsWith("error"))
                .anyMatch(line -> line.startsWith("objective"));
    }

    @Test
    void aMatrixThatIsLeftOutNeedsNoCalibration() {
        SmallModel some = new SmallModel().random(NAMES.get(0), 40, 48, 1);
        float[] values = some.values(NAMES.get(0));
        for (int i = 0; i < values.length; i++) {
            values[i] *= values[i];
        }
        Path calibration = file(some, "some");
        assertThat(run("plan", model, "--calibration", calibration).code()).isEqualTo(3);
        assertThat(run("plan", model, "--calibration", calibration, "--only", "layers.0.q_proj")
                        .code())
                .isZero();
    }

    @Test
    void aCalibrationThatDoesNotFitIsTheFilesFault() throws IOException {
        String name = NAMES.get(1);
        refused(3, changed(f -> f.random(name, 48, 72, 1)), name + " is F32 [48, 72]", "[72, 48]");
        refused(3, changed(f -> f.tensor(name, List.of(72L * 48), f.values(name))), name, "[3456]");
        refused(3, changed(f -> set(f, name, 70 * 48 + 7, -1)), name + " holds -1.0 at row 70, column 7");
        refused(3, changed(f -> set(f, NAMES.get(3), 2 * 56 + 9, -1)), NAMES.get(3), "at row 2, column 9");
        refused(3, changed(f -> set(f, name, 48 + 3, Float.NaN)), name, "row 1, column 3");
        refused(3, changed(f -> set(f, name, 48 + 3, Float.POSITIVE_INFINITY)), name, "row 1, column 3");
        refused(3, file(weights().without(name), "lacking"), "of 1 of the 4 matrices", name);

        Path integers = changed(f -> f);
        byte[] bytes = Files.readAllBytes(integers);
        String text = new String(bytes, StandardCharsets.ISO_8859_1).replaceFirst("F32", "I32");
        Files.write(integers, text.getBytes(StandardCharsets.ISO_8859_1));
        refused(3, integers, "I32", "floating-point");

        Files.write(integers, java.util.Arrays.copyOf(bytes, bytes.length / 2));
        refused(3, integers, "model.safetensors");
        refused(6, folder.resolve("absent.safetensors"), "absent.safetensors");
        // a text is calibrated with first, which needs a whole model
        Lowbit incomplete = run("plan", model, "--calibration", Files.writeString(folder.resolve("text.txt"), "Once"));
        assertThat(incomplete.code()).isEqualTo(4);
        assertThat(incomplete.err()).contains("config.json");
        Lowbit more = run("plan", model, "--calibration", fisher, "--objective", "hessian");
        assertThat(more.code()).isEqualTo(2);
        assertThat(more.err())
                .contains(
                        "hessian",
                        "holds only a Fisher diagonal",
                        fisher.getFileName().toString());
    }

    private static Path changed(UnaryOperator<SmallModel> change) {
        return file(change.apply(importance(1)), "changed");
    }

    private static SmallModel set(SmallModel fisher, String name, int at, float value) {
        fisher.values(name)[at] = value;
        return fisher;
    }

    private static void refused(int code, Path calibration, String... says) {
        Path out = folder.resolve("refused");
        Lowbit plan = run("plan", model, "--calibration", calibration);
        assertThat(plan.code()).as(plan.err()).isEqualTo(code);
        assertThat(plan.out()).isEmpty();
        assertThat(plan.err().lines()).hasSize(1);
        assertThat(plan.err()).contains(says).contains(calibration.getFileName().toString());
        Lowbit compress = run("compress", model, "--calibration", calibration, "--out", out);
        assertThat(compress.code()).isEqualTo(code);
        assertThat(compress.err()).isEqualTo(plan.err());
        assertThat(out).doesNotExist();
        assertThat(out.resolveSibling("refused.partial")).doesNotExist();
    }
}
