package dev.lowbit.jobs.export;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.jobs.ExitCodes;
import dev.lowbit.jobs.Lowbit;
import dev.lowbit.jobs.demo.DemoModel;
import dev.lowbit.jobs.demo.TinyModel;
import dev.lowbit.store.Manifest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code export --to task} and {@code --task}: a base with a task is the model that {@code tune} wrote. */
class TaskExportTest {
    @TempDir
    private static Path common;

    @TempDir
    private Path folder;

    private static Path model;
    private static Path text;
    private static Path other;

    @BeforeAll
    static void write() throws IOException {
        model = TinyModel.write(common.resolve("model"));
        String stories = DemoModel.calibrationText(9000);
        text = Files.writeString(common.resolve("text"), stories.substring(0, stories.length() / 2));
        other = Files.writeString(common.resolve("other"), stories.substring(stories.length() / 2));
    }

    private static Lowbit succeeded(Object... arguments) {
        Lowbit run = Lowbit.run(arguments);
        assertThat(run.code()).as(run.err()).isZero();
        return run;
    }

    private static JsonNode json(Object... arguments) {
        List<Object> all = new ArrayList<>(Arrays.asList(arguments));
        all.addAll(List.of("--json", "--quiet"));
        return JsonMapper.shared().readTree(succeeded(all.toArray()).out());
    }

    private static Path compressed(Path out, String... options) {
        List<Object> all = new ArrayList<>(List.of("compress", model, "--out", out, "--quiet"));
        all.addAll(List.of(options));
        succeeded(all.toArray());
        return out;
    }

    private Path tuned(Path base, Path on, String parts, int seed, Object... more) {
        Path out = folder.resolve("tuned" + seed);
        List<Object> all = new ArrayList<>(List.of("tune", base, "--text", on, "--out", out, "--parts", parts));
        all.addAll(List.of("--seed", seed, "--epochs", 1, "--max-tokens", 1500, "--quiet"));
        all.addAll(Arrays.asList(more));
        succeeded(all.toArray());
        return out;
    }

    private JsonNode exported(Path base, Path tuned, String name) {
        return json("export", tuned, "--to", "task", "--base", base, "--out", folder.resolve(name));
    }

    private static JsonNode evaluated(Path path, Object... more) {
        List<Object> all = new ArrayList<>(List.of("evaluate", path, "--text", text, "--max-tokens", 400));
        all.addAll(Arrays.asList(more));
        return json(all.toArray());
    }

    private static String written(Path path, Object... more) {
        List<Object> all = new ArrayList<>(List.of("generate", path, "--prompt", "Once", "--max-tokens", 12));
        all.addAll(Arrays.asList(more));
        return json(all.toArray()).get("text").stringValue();
    }

    /** Tables of sketches; low-rank factors; codebooks in common and scales. */
    @ParameterizedTest
    @CsvSource({
        "all, --method sketchtune --format sketch3-r1-f16",
        "low-rank, --method int2-lrec --bits 6 --rank 1 --min-rank 1",
        "all, --method pv-tuning --format aq1x4-g4-row-s4x64-bf16"
    })
    void aBaseWithATaskIsTheTunedModel(String parts, String compression) {
        Path base = compressed(folder.resolve("base"), compression.split(" "));
        JsonNode plain = evaluated(base);
        double before = plain.get("nll").doubleValue();
        double[] nlls = new double[2];
        for (int seed = 0; seed < 2; seed++) {
            Path tuned = tuned(base, seed == 0 ? text : other, parts, seed);
            JsonNode export = exported(base, tuned, "task" + seed + ".safetensors");
            Path task = folder.resolve("task" + seed + ".safetensors");
            assertThat(export.get("outputBytes").longValue())
                    .isEqualTo(task.toFile().length());
            assertThat(export.get("bytes").longValue())
                    .isEqualTo(Manifest.read(base).bytes());
            assertThat(export.get("taskBytes").longValue())
                    .isPositive()
                    .isLessThan(export.get("bytes").longValue());
            assertThat(export.get("matrices").intValue())
                    .isBetween(1, Manifest.read(base).matrices().size());

            JsonNode with = evaluated(base, "--task", task);
            JsonNode whole = evaluated(tuned);
            for (String figure :
                    List.of("nll", "perplexity", "perplexityStdErr", "bytes", "bitsPerWeight", "weights")) {
                assertThat(with.get(figure)).as(figure).isEqualTo(whole.get(figure));
            }
            assertThat(with.get("bytes")).isEqualTo(plain.get("bytes"));
            assertThat(with.get("taskBytes")).isEqualTo(export.get("taskBytes"));
            assertThat(whole.has("taskBytes")).isFalse();
            assertThat(written(base, "--task", task)).isEqualTo(written(tuned));
            nlls[seed] = with.get("nll").doubleValue();
        }
        assertThat(nlls[0]).isNotEqualTo(nlls[1]).isNotEqualTo(before);
        assertThat(nlls[1]).isNotEqualTo(before);
    }

    /** The codes take part too where they were tuned: then the task is most of the model, and right all the same. */
    @Test
    void codesAreNumbersLikeOthers() throws IOException {
        Path base = compressed(folder.resolve("base"), "--method", "sketchtune", "--format", "sketch2-r1-f16");
        Path tuned = tuned(base, text, "codes", 0, "--reference", model);
        JsonNode export = exported(base, tuned, "task.safetensors");
        exported(base, tuned, "again.safetensors");
        Path task = folder.resolve("task.safetensors");
        assertThat(folder.resolve("again.safetensors")).hasSameBinaryContentAs(task);
        assertThat(export.get("taskBytes").longValue())
                .isGreaterThan(export.get("bytes").longValue() / 2);
        assertThat(evaluated(base, "--task", task).get("nll"))
                .isEqualTo(evaluated(tuned).get("nll"));
        assertThat(succeeded("evaluate", base, "--task", task, "--text", text).out())
                .contains("task        ");
        Lowbit print = succeeded(
                "export", tuned, "--to", "task", "--base", base, "--out", folder.resolve("third.safetensors"));
        assertThat(print.out())
                .contains("% of the model's")
                .contains("parts of " + export.get("matrices") + " matrices");
    }

    /** verify reads a task by itself: each of its tensors has a digest, and so has what it is named by. */
    @Test
    void verifyFindsDamage() throws IOException {
        Path base = compressed(folder.resolve("base"), "--method", "sketchtune", "--format", "sketch2-r1-f16");
        exported(base, tuned(base, text, "all", 0), "task.safetensors");
        Path task = folder.resolve("task.safetensors");
        JsonNode good = json("verify", task);
        assertThat(good.get("kind").stringValue()).isEqualTo("task");
        assertThat(good.get("good").booleanValue()).isTrue();
        byte[] bytes = Files.readAllBytes(task);
        byte[] last = bytes.clone();
        last[last.length - 1] ^= 1;
        byte[] middle = bytes.clone();
        middle[bytes.length * 3 / 4] ^= 16;
        for (byte[] damaged : List.of(last, middle)) {
            Path file = Files.write(folder.resolve("damaged.safetensors"), damaged);
            Lowbit run = Lowbit.run("verify", file);
            assertThat(run.code()).isEqualTo(8);
            assertThat(run.out()).contains("does not have its digest", "damaged: 1 finding");
        }
        Path cut = Files.write(folder.resolve("cut.safetensors"), Arrays.copyOf(bytes, bytes.length - 8));
        assertThat(Lowbit.run("verify", cut).code()).isEqualTo(3);
    }

    private static void refused(int code, String says, Object... arguments) {
        Lowbit run = Lowbit.run(arguments);
        assertThat(run.code()).as(run.err()).isEqualTo(code);
        List<String> lines =
                run.err().lines().filter(line -> line.startsWith("lowbit")).toList();
        assertThat(lines).hasSize(1);
        assertThat(lines.getFirst()).contains(says).doesNotContain("Exception");
        assertThat(run.out()).isEmpty();
    }

    @Test
    void eachFaultHasItsCodeAndOneLine() throws IOException {
        Path base = compressed(folder.resolve("base"), "--method", "sketchtune", "--format", "sketch3-r1-f16");
        Path tuned = tuned(base, text, "all", 0);
        Path ranked = tuned(base, text, "low-rank", 1, "--rank", 1);
        Path task = folder.resolve("task.safetensors");
        exported(base, tuned, "task.safetensors");
        Path free = folder.resolve("free.safetensors");
        refused(2, "--base", "export", tuned, "--to", "task", "--out", free);
        refused(2, "leave it out", "export", tuned, "--to", "safetensors", "--base", base, "--out", free);
        refused(2, "--dtype", "export", tuned, "--to", "task", "--base", base, "--out", free, "--dtype", "f16");
        refused(2, "name it so", "export", tuned, "--to", "task", "--base", base, "--out", folder.resolve("x"));
        refused(5, "exists", "export", tuned, "--to", "task", "--base", base, "--out", task);
        refused(5, "lies in", "export", tuned, "--to", "task", "--base", base, "--out", base.resolve("t.safetensors"));
        refused(5, "--min-rank 1", "export", ranked, "--to", "task", "--base", base, "--out", free);
        refused(5, "there is nothing to write", "export", base, "--to", "task", "--base", base, "--out", free);
        assertThat(free).doesNotExist();

        refused(2, "leave --task out", "evaluate", model, "--task", task, "--text", text);
        refused(2, "leave --task out", "generate", model, "--task", task, "--prompt", "Once");
        refused(5, "another model", "evaluate", tuned, "--task", task, "--text", text);
        refused(5, "another model", "generate", tuned, "--task", task, "--prompt", "Once");
        refused(3, "is no task file", "evaluate", base, "--task", model.resolve("model.safetensors"), "--text", text);
        refused(ExitCodes.IO, "absent", "evaluate", base, "--task", folder.resolve("absent"), "--text", text);
        refused(ExitCodes.IO, "absent", "evaluate", folder.resolve("absent"), "--task", task, "--text", text);
        byte[] bytes = Files.readAllBytes(task);
        bytes[bytes.length - 1] ^= 1;
        Files.write(free, bytes);
        refused(3, "does not have its digest", "evaluate", base, "--task", free, "--text", text);
        refused(5, "task.safetensors", "evaluate", base, "--task", task, "--text", text, "--memory", "1MiB");
    }
}
