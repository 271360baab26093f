package dev.lowbit.jobs.compare;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.jobs.ExitCodes;
import dev.lowbit.jobs.Lowbit;
import dev.lowbit.jobs.demo.DemoModel;
import dev.lowbit.jobs.demo.TinyModel;
import dev.lowbit.store.Verifier;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class CompareTest {
    @TempDir
    private static Path common;

    /** What a comparison of two methods at two budgets leaves, the smaller of them impossible. */
    private static Path first;

    private static Lowbit firstRun;
    private static Path model;
    private static Path calibration;
    private static Path text;

    @TempDir
    private Path folder;

    private Path out;

    @BeforeAll
    static void compare() throws IOException {
        model = TinyModel.write(common.resolve("tiny"));
        calibration = Files.writeString(common.resolve("calibration"), DemoModel.calibrationText(6000));
        text = Files.writeString(common.resolve("text"), DemoModel.evaluationText(2500));
        first = common.resolve("first");
        firstRun = compare(first, "--methods", "lq-lora,int2-lrec", "--bits", "1,5");
    }

    @BeforeEach
    void copy() throws IOException {
        out = folder.resolve("out");
        try (Stream<Path> files = Files.walk(first)) {
            for (Path file : files.toList()) {
                Files.copy(file, out.resolve(first.relativize(file).toString()));
            }
        }
    }

    private static Lowbit compare(Path out, Object... more) {
        return compareCalibrated(calibration, out, more);
    }

    private static Lowbit compareCalibrated(Path calibration, Path out, Object... more) {
        List<Object> args = new ArrayList<>(List.of("compare", model, "--calibration", calibration, "--text", text));
        args.addAll(List.of("--out", out, "--rank", 2, "--json", "--quiet", "--threads", 2));
        args.addAll(Arrays.asList(more));
        return Lowbit.run(args.toArray());
    }

    private static JsonNode succeeded(Lowbit run) {
        assertThat(run.err()).isEmpty();
        assertThat(run.code()).isZero();
        return JsonMapper.shared().readTree(run.out());
    }

    private static Map<Path, FileTime> times(Path folder) throws IOException {
        Map<Path, FileTime> times = new TreeMap<>();
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.toList()) {
                times.put(file, Files.getLastModifiedTime(file));
            }
        }
        return times;
    }

    @Test
    void everyMethodAtEveryBudgetIsARow() throws IOException {
        JsonNode tiny = succeeded(firstRun).get("models").get(0);
        assertThat(tiny.get("name").stringValue()).isEqualTo("tiny");
        assertThat(tiny.get("perplexity").doubleValue()).isPositive();
        JsonNode rows = tiny.get("results");
        assertThat(rows).hasSize(4);
        for (int i = 0; i < 4; i++) {
            JsonNode row = rows.get(i);
            assertThat(row.get("method").stringValue()).isEqualTo(i < 2 ? "lq-lora" : "int2-lrec");
            assertThat(row.get("askedBits").doubleValue()).isEqualTo(i % 2 == 0 ? 1 : 5);
            assertThat(row.get("tuned").booleanValue()).isFalse();
            if (i % 2 == 0) {
                assertThat(row.get("impossible").stringValue()).contains("give --bits");
                assertThat(row.has("perplexity")).isFalse();
            } else {
                assertThat(row.get("bitsPerWeight").doubleValue()).isBetween(4.5, 5.0);
                assertThat(row.get("klDivergence").doubleValue()).isPositive();
                assertThat(row.get("top1Agreement").doubleValue()).isBetween(0.5, 1.0);
            }
        }
        Path results = first.resolve("tiny");
        assertThat(Verifier.verify(results.resolve("lq-lora-5"))).isEmpty();
        assertThat(results.resolve("lq-lora-1")).doesNotExist();
        assertThat(results.resolve("lq-lora-1.partial")).doesNotExist();
        assertThat(first.resolve("compare.csv")).content().hasLineCount(6);
        assertThat(first.resolve("compare.md")).content().contains("| lq-lora | 5 |", "(<tiny.svg>)");
        assertThat(first.resolve("tiny.svg")).content().contains("int2-lrec", "float: ", "Pareto front");
    }

    @Test
    void whatIsDoneIsNotDoneAgain() throws IOException {
        Map<Path, FileTime> before = times(out.resolve("tiny"));
        Lowbit again = compare(out, "--methods", "lq-lora,int2-lrec", "--bits", "1,5");
        assertThat(again.out()).isEqualTo(firstRun.out());
        assertThat(times(out.resolve("tiny"))).isEqualTo(before);
        for (String name : List.of("compare.md", "compare.csv", "tiny.svg")) {
            assertThat(out.resolve(name)).hasSameBinaryContentAs(first.resolve(name));
        }
    }

    /** A run may stop between any two files: with a model that nobody has noted, or noted and not measured. */
    @Test
    void aStoppedComparisonGoesOn() throws IOException {
        Path results = out.resolve("tiny");
        FileTime made = Files.getLastModifiedTime(results.resolve("lq-lora-5").resolve("lowbit.json"));
        Files.delete(results.resolve("lq-lora-5.json"));
        Files.delete(results.resolve("float.json"));
        Files.delete(results.resolve("int2-lrec-1.json"));
        Lowbit again = compare(out, "--methods", "lq-lora,int2-lrec", "--bits", "1,5");
        assertThat(again.out()).isEqualTo(firstRun.out());
        assertThat(Files.getLastModifiedTime(results.resolve("lq-lora-5").resolve("lowbit.json")))
                .isEqualTo(made);
        assertThat(results.resolve("lq-lora-5.json"))
                .hasSameBinaryContentAs(first.resolve("tiny").resolve("lq-lora-5.json"));
    }

    @Test
    void otherTokensAreMeasuredOnTheSameModels() throws IOException {
        Path results = out.resolve("tiny");
        Map<Path, FileTime> before = times(results.resolve("int2-lrec-5"));
        JsonNode again = succeeded(compare(out, "--methods", "int2-lrec", "--bits", 5, "--max-tokens", 200));
        assertThat(times(results.resolve("int2-lrec-5"))).isEqualTo(before);
        assertThat(again.get("models").get(0).get("tokens").longValue()).isEqualTo(200);
        assertThat(again.get("models")
                        .get(0)
                        .get("results")
                        .get(0)
                        .get("tokens")
                        .longValue())
                .isEqualTo(200);
    }

    @Test
    void modelsOfOtherOptionsOrInputsAreNotUsedAgain() throws IOException {
        Map<Path, FileTime> before = times(out);
        Lowbit seed = compare(out, "--methods", "int2-lrec", "--bits", 5, "--seed", 3);
        assertThat(seed.code()).isEqualTo(ExitCodes.IMPOSSIBLE);
        assertThat(seed.err()).contains("int2-lrec-5.json", "another seed: 0, not 3");
        Path other = Files.writeString(folder.resolve("calibration"), DemoModel.calibrationText(5000));
        Lowbit cell = compareCalibrated(other, out, "--methods", "int2-lrec", "--bits", 5);
        assertThat(cell.code()).isEqualTo(ExitCodes.IMPOSSIBLE);
        assertThat(cell.err()).contains("int2-lrec-5.json", "another calibration");
        Lowbit statistics = compareCalibrated(other, out, "--methods", "int2-lrec", "--bits", 6);
        assertThat(statistics.code()).isEqualTo(ExitCodes.IMPOSSIBLE);
        assertThat(statistics.err()).contains("calibration of another text");
        assertThat(times(out)).isEqualTo(before);
    }

    /** For each method what it has trained, and only where there is something to tune. */
    @Test
    void tunedResultsStandBesideTheOthers() throws IOException {
        JsonNode tiny = succeeded(compare(out, "--methods", "lq-lora,pv-tuning", "--bits", "1,5", "--tune"))
                .get("models")
                .get(0);
        List<String> rows = new ArrayList<>();
        tiny.get("results")
                .forEach(row -> rows.add(row.get("method").stringValue() + " "
                        + Cell.number(row.get("askedBits").doubleValue())
                        + (row.get("tuned").booleanValue() ? " tuned" : "")
                        + (row.has("impossible") ? " impossible" : "")));
        assertThat(rows)
                .containsExactly(
                        "lq-lora 1 impossible",
                        "lq-lora 5",
                        "lq-lora 5 tuned",
                        "pv-tuning 1 impossible",
                        "pv-tuning 5",
                        "pv-tuning 5 tuned");
        for (int i = 1; i < 6; i += i == 2 ? 2 : 1) {
            assertThat(tiny.get("results").get(i).get("bitsPerWeight").doubleValue())
                    .isLessThanOrEqualTo(5);
        }
        Path results = out.resolve("tiny");
        assertThat(results.resolve("lq-lora-5-tuned").resolve("lowbit.json"))
                .content()
                .contains("\"tune.parts\"", "\"all\"");
        assertThat(results.resolve("pv-tuning-5-tuned").resolve("lowbit.json"))
                .content()
                .contains("\"tune.parts\"", "\"codes\"");
        assertPublishedResultsAreUsedAgain(results);
        assertTunedModelsThatNobodyHasNotedAreUsedAgain();
    }

    /** Stopped after a tuned model was published: nothing is left of its training, not even all of the work directory. */
    private void assertTunedModelsThatNobodyHasNotedAreUsedAgain() throws IOException {
        Path results = out.resolve("tiny");
        Path note = results.resolve("lq-lora-5-tuned.json");
        Path left = results.resolve("lq-lora-5-tuned.partial");
        String noted = Files.readString(note);
        Map<Path, FileTime> before = times(results.resolve("lq-lora-5-tuned"));
        Files.delete(note);
        Files.writeString(Files.createDirectory(left).resolve("job"), "its fingerprint");
        succeeded(compare(out, "--methods", "lq-lora,pv-tuning", "--bits", "1,5", "--tune"));
        assertThat(note).hasContent(noted);
        assertThat(left).doesNotExist();
        assertThat(times(results.resolve("lq-lora-5-tuned"))).isEqualTo(before);
    }

    /** The comparison in docs/pareto goes on with every later version that makes the same of the same options. */
    private static void assertPublishedResultsAreUsedAgain(Path results) throws IOException {
        Path published = Path.of(System.getProperty("lowbit.root", ".."), "docs", "pareto");
        try (Stream<Path> files = Files.walk(published)) {
            List<Path> tuned = files.filter(file -> file.toString().endsWith("-tuned.json"))
                    .toList();
            assertThat(tuned).isNotEmpty();
            for (Path file : tuned) {
                Map<String, String> made = made(file);
                Path now = results.resolve(made.get("method") + "-5-tuned.json");
                if (Files.exists(now)) {
                    assertThat(options(made)).as("%s", file).isEqualTo(options(made(now)));
                }
            }
        }
    }

    private static Map<String, String> made(Path cell) {
        Map<String, String> made = new TreeMap<>();
        JsonMapper.shared()
                .readTree(cell.toFile())
                .get("made")
                .properties()
                .forEach(entry -> made.put(entry.getKey(), entry.getValue().stringValue()));
        return made;
    }

    /** What was asked, with a mark in place of what is of another model, text or build. */
    private static Map<String, String> options(Map<String, String> made) {
        Map<String, String> options = new TreeMap<>(made);
        List.of("software", "model", "tokenizer", "calibration", "bits", "rank", "tune.context", "tune.batch")
                .forEach(name -> options.replace(name, "its own"));
        return options;
    }
}
