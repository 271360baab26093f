package dev.lowbit.jobs.compress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.jobs.ExitCodes;
import dev.lowbit.jobs.Lowbit;
import dev.lowbit.jobs.MethodOptions.Budget;
import dev.lowbit.jobs.Methods;
import dev.lowbit.jobs.ProgressListener;
import dev.lowbit.jobs.WorkerPool;
import dev.lowbit.method.Compressor;
import dev.lowbit.store.Manifest;
import dev.lowbit.tensor.FloatMatrix;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CancellationException;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code calibrate}, and {@code compress --calibration} of its file and of the text itself, on a small model with 32 words. */
class CalibrateTest {
    private static final int WORDS = WordModel.WORDS;
    private static final String BITS = "3.2";

    @TempDir
    private static Path folder;

    private static Path model;
    private static Path text;
    private static Path calibration;
    private static JsonNode summary;
    private static Path output;
    private static JsonNode result;

    @BeforeAll
    static void calibrateAndCompress() throws IOException {
        model = WordModel.write(folder.resolve("model"));
        text = WordModel.text(folder.resolve("text.txt"));
        calibration = folder.resolve("calibration.safetensors");
        summary = json("calibrate", model, "--text", text, "--out", calibration, "--json", "--quiet");
        output = folder.resolve("output");
        result = compress(output, calibration);
    }

    private static JsonNode json(Object... args) {
        Lowbit run = Lowbit.run(args);
        assertThat(run.code()).as(run.err()).isZero();
        return JsonMapper.shared().readTree(run.out());
    }

    private static JsonNode compress(Path out, Path data, Object... more) {
        List<Object> args = new ArrayList<>(List.of("compress", model, "--out", out, "--bits", BITS, "--rank", 2));
        args.addAll(List.of("--calibration", data, "--json", "--quiet"));
        args.addAll(List.of(more));
        return json(args.toArray());
    }

    /** Within its window attention is full, so that is what can be read. */
    @Test
    void aSlidingWindowIsTheLongestWindow() throws IOException {
        Path sliding = Files.createDirectory(folder.resolve("sliding"));
        try (Stream<Path> files = Files.list(model)) {
            for (Path file : files.toList()) {
                Files.copy(file, sliding.resolve(file.getFileName()));
            }
        }
        Path config = sliding.resolve("config.json");
        String mistral = Files.readString(config).replace("\"llama\"", "\"mistral\"");
        Files.writeString(config, mistral.replaceFirst("\\{", "{\"sliding_window\": 128,"));
        JsonNode read = json("calibrate", sliding, "--text", text, "--out", folder.resolve("s.safetensors"), "--json");
        assertThat(read.get("context").intValue()).isEqualTo(128);
    }

    @Test
    void saysWhatWasRead() {
        assertThat(summary.get("tokens").intValue()).isEqualTo(900);
        assertThat(summary.get("context").intValue()).isEqualTo(512);
        assertThat(summary.get("windows").intValue()).isEqualTo(2);
        assertThat(summary.get("distinctTokens").intValue()).isEqualTo(WORDS - 4);
        assertThat(summary.get("vocabulary").intValue()).isEqualTo(WORDS);
        assertThat(summary.get("layers").intValue()).isEqualTo(14);
        // per layer of the model: q, k, v; o; gate, up; down
        assertThat(summary.get("inputs").intValue()).isEqualTo(2 * (24 + 24 + 24 + 40));
        assertThat(summary.get("deadInputs").intValue()).isZero();
        assertThat(summary.get("passes").intValue()).isEqualTo(1);
    }

    @Test
    void embeddingsHaveNoCalibration() {
        for (Path data : List.of(text, calibration)) {
            Lowbit run = Lowbit.run("plan", model, "--bits", BITS, "--embeddings", "--calibration", data);
            assertThat(run.code()).as(run.err()).isEqualTo(ExitCodes.IMPOSSIBLE);
            assertThat(run.err().lines()).singleElement().asString().contains("has no calibration in " + data);
        }
    }

    /** Probing takes longer than anything else; what can be known before it is said before it. */
    @Test
    void aPlaceThatCannotTakeTheFileIsRefusedBeforeAnyWork() {
        for (Path place : List.of(folder.resolve("absent"), text)) {
            Path out = place.resolve("c.safetensors");
            Lowbit run = Lowbit.run("calibrate", model, "--text", text, "--out", out);
            assertThat(run.code()).isEqualTo(ExitCodes.IO);
            assertThat(run.err().lines()).singleElement().asString().contains("cannot write " + out, "is no directory");
        }
    }

    @Test
    void theSameBytesForAnyThreads() throws IOException {
        Path other = folder.resolve("other.safetensors");
        json("calibrate", model, "--text", text, "--out", other, "--json", "--quiet", "--threads", 3);
        assertThat(other).hasSameBinaryContentAs(calibration);
        Path short_ = folder.resolve("short.safetensors");
        JsonNode less = json(
                "calibrate",
                model,
                "--text",
                text,
                "--out",
                short_,
                "--json",
                "--quiet",
                "--max-tokens",
                100,
                "--context",
                33);
        assertThat(less.get("tokens").intValue()).isEqualTo(100);
        assertThat(less.get("windows").intValue()).isEqualTo(4);
    }

    /** In processes of their own: what this one holds after other tests would count against a cap. */
    @ParameterizedTest
    @CsvSource({"128, 1GiB", "512, 2GiB"})
    void theSameBytesForAnyVectorWidthAndMemoryCap(int bits, String memory) throws IOException {
        ChildJvm.assumeRegisters(bits);
        Path other = folder.resolve("width-" + bits + ".safetensors");
        Path log = folder.resolve("log-" + bits);
        int code = ChildJvm.run(
                log,
                List.of("-Dlowbit.vector.bits=" + bits),
                List.of(
                        "calibrate",
                        model.toString(),
                        "--text",
                        text.toString(),
                        "--out",
                        other.toString(),
                        "--memory",
                        memory,
                        "--quiet"));
        assertThat(code).as(Files.readString(log)).isZero();
        assertThat(other).hasSameBinaryContentAs(calibration);
    }

    @Test
    void jsonLinesOfTheSameIdsGiveTheSameStatistics() throws IOException {
        String line = Files.readString(text).replace('\n', ' ').strip();
        Path lines = Files.writeString(folder.resolve("text.jsonl"), "{\"text\": \"" + line + "\"}\n");
        Path other = folder.resolve("lines.safetensors");
        json("calibrate", model, "--text", lines, "--out", other, "--json", "--quiet");
        try (Checkpoint a = Checkpoint.open(calibration);
                Checkpoint b = Checkpoint.open(other)) {
            assertThat(b.names()).isEqualTo(a.names());
            try (FloatMatrix x = a.matrix("model.layers.1.mlp.down_proj.weight");
                    FloatMatrix y = b.matrix("model.layers.1.mlp.down_proj.weight")) {
                assertThat(y.toArray()).isEqualTo(x.toArray());
            }
        }
    }

    @Test
    void theTextItselfGivesTheSameBytesAsItsCalibration() {
        Path fromText = folder.resolve("from-text");
        JsonNode other = compress(fromText, text, "--threads", 3);
        assertThat(Jobs.digests(fromText)).isEqualTo(Jobs.digests(output));
        assertThat(other.get("calibrationKlDivergence")).isEqualTo(result.get("calibrationKlDivergence"));
        assertThat(folder.resolve("from-text.partial")).doesNotExist();
        JsonNode plan = json("plan", model, "--bits", BITS, "--rank", 2, "--calibration", text, "--json", "--quiet");
        for (String field : List.of("bytes", "objective", "objectiveName", "uniform")) {
            assertThat(plan.get(field)).as(field).isEqualTo(result.get(field));
        }
        assertThat(Manifest.read(output).job().options())
                .containsEntry("objective", "hessian+sensitivity")
                .containsEntry("sequential", "true");
    }

    @Test
    void theMixIsAtMostAsFarFromTheModelAsAnyUniformFormat() {
        double mix = result.get("calibrationKlDivergence").doubleValue();
        assertThat(mix).isPositive();
        assertThat(result.get("uniform")).isNotEmpty();
        for (JsonNode uniform : result.get("uniform")) {
            assertThat(mix)
                    .isLessThanOrEqualTo(uniform.get("calibrationKlDivergence").doubleValue());
        }
    }

    /** In double from the exported weights and the file's own Hessian. */
    @Test
    void theOutputErrorIsThatOfTheBytesWritten() {
        Path export = folder.resolve("export");
        assertThat(Lowbit.run("export", output, "--to", "safetensors", "--out", export, "--quiet")
                        .code())
                .isZero();
        double error = 0;
        double norm = 0;
        try (Checkpoint source = Checkpoint.open(model);
                Checkpoint stored = Checkpoint.open(export);
                Checkpoint data = Checkpoint.open(calibration)) {
            for (JsonNode matrix : result.get("matrices")) {
                String name = matrix.get("name").stringValue();
                String owner = name.replace("k_proj", "q_proj")
                        .replace("v_proj", "q_proj")
                        .replace("up_proj", "gate_proj");
                try (FloatMatrix w = source.matrix(name);
                        FloatMatrix v = stored.matrix(name);
                        FloatMatrix h = data.matrix(owner + ".hessian")) {
                    double e = quadratic(w, v, h);
                    double n = quadratic(w, null, h);
                    // float products of some ten terms each, 2^-24 relative to a norm that cancellation does not reduce
                    assertThat(matrix.get("outputError").doubleValue())
                            .isCloseTo(Math.sqrt(e / n), within(1e-5 * Math.sqrt(e / n)));
                    error += e;
                    norm += n;
                }
            }
        }
        assertThat(result.get("outputError").doubleValue()).isCloseTo(Math.sqrt(error / norm), within(1e-5));
    }

    private static double quadratic(FloatMatrix w, FloatMatrix minus, FloatMatrix h) {
        double sum = 0;
        for (int i = 0; i < w.rows(); i++) {
            for (int j = 0; j < w.columns(); j++) {
                for (int k = 0; k < w.columns(); k++) {
                    double a = w.get(i, j) - (minus == null ? 0 : (double) minus.get(i, j));
                    double b = w.get(i, k) - (minus == null ? 0 : (double) minus.get(i, k));
                    sum += a * h.get(j, k) * b;
                }
            }
        }
        return sum;
    }

    @Test
    void everyObjectivePlansWithinTheBudget() {
        for (Objective.Weighting weighting : Objective.Weighting.values()) {
            boolean even = weighting.ordinal() % 2 == 0;
            String name = weighting.id() + (even ? "+sensitivity" : "");
            List<Object> args =
                    new ArrayList<>(List.of("plan", model, "--bits", BITS, "--rank", 0, "--json", "--quiet"));
            args.addAll(List.of("--calibration", calibration, "--objective", name, "--only", "layers.0.self_attn"));
            JsonNode plan = json(args.toArray());
            assertThat(plan.get("objectiveName").stringValue()).isEqualTo(name);
            assertThat(plan.get("bitsPerWeight").doubleValue()).isLessThanOrEqualTo(3.2);
            assertThat(plan.get("calibrationKlDivergence").doubleValue()).isPositive();
        }
    }

    /** Stops at the first stage behind calibration, then goes on with what the work directory holds. */
    @Test
    void aStoppedJobDoesNotCalibrateAgain() {
        JobRequest request =
                request(Double.parseDouble(BITS), 2, new WithCalibration(text, Optional.empty(), Optional.empty()));
        Path stopped = folder.resolve("stopped");
        Stages until = new Stages("pricing");
        try (WorkerPool pool = new WorkerPool(1)) {
            assertThatThrownBy(() -> CompressJob.run(request, stopped, false, pool.workers(), until))
                    .isInstanceOf(CancellationException.class);
            assertThat(until.seen).contains("calibrating");
            Stages all = new Stages("none");
            CompressJob.run(request, stopped, true, pool.workers(), all);
            assertThat(all.seen).doesNotContain("calibrating", "probing").contains("pricing");
        }
        assertThat(Jobs.digests(stopped)).isEqualTo(Jobs.digests(output));
    }

    /** At these bits more uniform formats are measured than one, and which is the best depends on what of it is known before. */
    @Test
    void whatAStoppedJobMeasuredDoesNotChangeItsPlan() {
        JobRequest request =
                request(4.4, 0, new WithCalibration(calibration, Objective.parse("frobenius"), Optional.empty()));
        Path whole = folder.resolve("whole");
        Path planned = folder.resolve("planned");
        try (WorkerPool pool = new WorkerPool(1)) {
            CompressJob.run(request, whole, false, pool.workers(), ProgressListener.none());
            assertThatThrownBy(() -> CompressJob.run(request, planned, false, pool.workers(), new Stages("writing")))
                    .isInstanceOf(CancellationException.class);
            Stages all = new Stages("none");
            CompressJob.run(request, planned, true, pool.workers(), all);
            assertThat(all.seen).doesNotContain("pricing", "confirming", "trying");
        }
        assertThat(Jobs.digests(planned)).isEqualTo(Jobs.digests(whole));
    }

    private static JobRequest request(double bits, int rank, WithCalibration with) {
        return new JobRequest(
                model,
                "lowbit " + dev.lowbit.jobs.Version.lowbit(),
                Methods.named("lq-lora"),
                new Budget.BitsPerWeight(bits),
                new Compressor.Limits(0, rank, 0, 0),
                TargetSelection.standard(),
                Optional.of(with),
                Optional.empty(),
                OptionalLong.empty());
    }

    /** Remembers the stages and stops at one. */
    private static final class Stages implements ProgressListener {
        private final List<String> seen = new ArrayList<>();
        private final String last;

        private Stages(String last) {
            this.last = last;
        }

        @Override
        public Stage stage(String name, long total, String unit) {
            seen.add(name);
            if (name.equals(last)) {
                throw new CancellationException(name);
            }
            return ProgressListener.none().stage(name, total, unit);
        }

        @Override
        public void note(String line) {}
    }

    @Test
    void refusesWhatItCannotUse() throws IOException {
        Path out = folder.resolve("refused.safetensors");
        refused(
                5,
                List.of("calibrate", model, "--text", Files.writeString(folder.resolve("empty.txt"), ""), "--out", out),
                "empty.txt");
        refused(
                3,
                List.of(
                        "calibrate",
                        model,
                        "--text",
                        Files.write(folder.resolve("latin.txt"), new byte[] {'a', (byte) 0xe9}),
                        "--out",
                        out),
                "UTF-8");
        refused(
                3,
                List.of(
                        "calibrate",
                        model,
                        "--text",
                        Files.writeString(folder.resolve("ids.jsonl"), "{\"input_ids\": [1, 32]}\n"),
                        "--out",
                        out),
                "32");
        refused(6, List.of("calibrate", model, "--text", folder.resolve("absent.txt"), "--out", out), "absent.txt");
        refused(5, List.of("calibrate", model, "--text", text, "--out", calibration), "exists");
        refused(2, List.of("calibrate", model, "--text", text, "--out", folder.resolve("x.bin")), ".safetensors");
        refused(2, List.of("calibrate", model, "--text", text, "--out", out, "--context", 1), "--context 1");
        refused(5, List.of("calibrate", model, "--text", text, "--out", out, "--context", 513), "513", "512");
        refused(5, List.of("calibrate", model, "--text", text, "--out", out, "--memory", "1MiB"), "--memory", "needs");
        refused(2, List.of("plan", model, "--bits", 3, "--objective", "hessian"), "--calibration");
        refused(
                2,
                List.of("plan", model, "--bits", 3, "--calibration", calibration, "--objective", "best"),
                "frobenius");
        assertThat(out).doesNotExist();
    }

    @Test
    void anotherModelsCalibrationIsRefusedNamingBoth() throws IOException {
        Path other = WordModel.write(folder.resolve("other"));
        Path config = other.resolve("config.json");
        Files.writeString(config, Files.readString(config) + " ");
        try (Checkpoint one = Checkpoint.open(model);
                Checkpoint two = Checkpoint.open(other)) {
            refused(5, List.of("plan", other, "--bits", 3, "--calibration", calibration), one.digest(), two.digest());
        }
    }

    @Test
    void aDamagedCalibrationIsTheFilesFault() throws IOException {
        changed("\"version\":\"1\"", "\"version\":\"2\"", "version");
        changed("\"tokens\":\"900\"", "\"tokens\":\"9x0\"", "tokens");
        changed("\"context\":\"512\"", "\"context\":\"001\"", "context");
        changed(
                "q_proj.weight.outputs\":{\"dtype\":\"F32\",\"shape\":[24]",
                "q_proj.weight.outputs\":{\"dtype\":\"I32\",\"shape\":[24]",
                "outputs");
        byte[] bytes = Files.readAllBytes(calibration);
        // the last token id
        bytes[bytes.length - 3] = 1;
        Path file = folder.resolve("damaged.safetensors");
        Files.write(file, bytes);
        refused(3, List.of("plan", model, "--bits", 3, "--calibration", file), "token id");
    }

    private static void changed(String from, String to, String says) throws IOException {
        String content = Files.readString(calibration, StandardCharsets.ISO_8859_1);
        assertThat(content).contains(from);
        Path file = folder.resolve("changed.safetensors");
        Files.writeString(file, content.replace(from, to), StandardCharsets.ISO_8859_1);
        refused(3, List.of("plan", model, "--bits", 3, "--calibration", file), says);
    }

    private static void refused(int code, List<?> args, String... says) {
        Lowbit run = Lowbit.run(args.toArray());
        assertThat(run.code()).as(run.err()).isEqualTo(code);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).contains(says);
    }
}
