package dev.lowbit.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.bench.Comparison.Verdict;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.json.JsonMapper;

/** The comparer on made-up runs: it must turn red for a slowed kernel and stay green for a slow machine. */
class ComparisonTest {
    private static final String GEMM = "gemm-1024";

    @TempDir
    private Path folder;

    /**
     * A JMH result in which every benchmark takes {@code machine} times its nominal time, that of the figure {@code slowed} {@code factor} times
     * more still, and that of {@code left} is not in.
     */
    private static String run(double machine, String slowed, double factor, String left) {
        List<String> entries = new ArrayList<>();
        for (String reference : List.of("sgemm", "read", "readByTwo", "store", "fma", "gemv", "cachedGemv")) {
            entries.add(entry(ReferenceBenchmark.class.getName() + "." + reference, List.of(), 20_000 * machine));
        }
        List<String> slowedOnes = ofTheBenchmarkOf(slowed);
        List<String> leftOnes = ofTheBenchmarkOf(left);
        for (Figure figure : Figure.ALL) {
            if (!leftOnes.contains(figure.id())) {
                double time = 30_000 * machine * (slowedOnes.contains(figure.id()) ? factor : 1);
                entries.add(entry(figure.benchmark(), figure.parameters(), time));
            }
        }
        return entries.toString();
    }

    /** The figures of the same time as this one: itself, and those that hold it against another reference. */
    private static List<String> ofTheBenchmarkOf(String id) {
        return Figure.ALL.stream()
                .filter(figure -> figure.id().equals(id))
                .flatMap(named -> Figure.ALL.stream()
                        .filter(figure -> figure.benchmark().equals(named.benchmark())
                                && figure.parameters().equals(named.parameters())))
                .map(Figure::id)
                .toList();
    }

    private static String entry(String benchmark, List<String> parameters, double micros) {
        StringBuilder params = new StringBuilder();
        for (int i = 0; i < parameters.size(); i++) {
            params.append(i == 0 ? "" : ",").append("\"p" + i + "\":\"" + parameters.get(i) + "\"");
        }
        return String.format(
                Locale.ROOT,
                "{\"benchmark\":\"%s\",\"mode\":\"avgt\",\"params\":{%s},\"primaryMetric\":{\"score\":1,"
                        + "\"scoreUnit\":\"us/op\",\"rawData\":[[%f,%f,%f],[%f,%f,%f]]}}",
                benchmark,
                params,
                micros,
                // One iteration that was disturbed must not count.
                micros * 7,
                micros * 0.99,
                micros,
                micros * 1.01,
                micros);
    }

    private static JmhResults results(String json) {
        return JmhResults.of(JsonMapper.shared().readTree(json), "test");
    }

    private static Baseline baseline() {
        return Baseline.of(results(run(1, "", 1, "")));
    }

    private static Verdict verdict(Comparison comparison, String id) {
        return comparison.lines().stream()
                .filter(line -> line.figure().id().equals(id))
                .findFirst()
                .orElseThrow()
                .verdict();
    }

    @Test
    void theSameRunIsGreen() {
        Comparison comparison = Comparison.of(results(run(1, "", 1, "")), baseline(), true);
        assertThat(comparison.fails()).isFalse();
        assertThat(comparison.lines()).hasSameSizeAs(Figure.ALL).allMatch(line -> line.verdict() == Verdict.SAME);
    }

    @Test
    void everySlowedKernelTurnsItRedWhicheverWayItsRatioCounts() {
        for (Figure figure : Figure.ALL) {
            Comparison comparison = Comparison.of(results(run(1, figure.id(), 1.5, "")), baseline(), true);
            assertThat(comparison.fails()).as(figure.id()).isTrue();
            assertThat(comparison.lines())
                    .filteredOn(line -> line.verdict() == Verdict.SLOWER)
                    .extracting(line -> line.figure().id())
                    .containsExactlyElementsOf(ofTheBenchmarkOf(figure.id()));
        }
    }

    @Test
    void aSlowMachineIsNotASlowKernel() {
        assertThat(Comparison.of(results(run(3, "", 1, "")), baseline(), true).fails())
                .isFalse();
        assertThat(Comparison.of(results(run(3, GEMM, 1.5, "")), baseline(), true)
                        .fails())
                .isTrue();
    }

    @Test
    void noiseIsNotASlowKernelAndAFasterOneIsTold() {
        assertThat(verdict(Comparison.of(results(run(1, GEMM, 1.15, "")), baseline(), true), GEMM))
                .isEqualTo(Verdict.SAME);
        Comparison faster = Comparison.of(results(run(1, GEMM, 0.5, "")), baseline(), true);
        assertThat(verdict(faster, GEMM)).isEqualTo(Verdict.FASTER);
        assertThat(faster.fails()).isFalse();
    }

    @Test
    void aFigureThatVanishedFromACompleteRunFails() {
        JmhResults without = results(run(1, "", 1, GEMM));
        assertThat(verdict(Comparison.of(without, baseline(), true), GEMM)).isEqualTo(Verdict.MISSING);
        assertThat(Comparison.of(without, baseline(), true).fails()).isTrue();
        assertThat(verdict(Comparison.of(without, baseline(), false), GEMM)).isEqualTo(Verdict.NOT_RUN);
        assertThat(Comparison.of(without, baseline(), false).fails()).isFalse();
    }

    @Test
    void aNewFigureIsTold() {
        Baseline older = Baseline.of(results(run(1, "", 1, GEMM)));
        assertThat(verdict(Comparison.of(results(run(1, "", 1, "")), older, true), GEMM))
                .isEqualTo(Verdict.NEW);
    }

    @Test
    void ratiosAreWhatTheyClaim() {
        Comparison comparison = Comparison.of(results(run(1, "", 1, "")), baseline(), true);
        for (Comparison.Line line : comparison.lines()) {
            if (line.figure().measure() == Measure.TIMES_S) {
                assertThat(line.ratio()).isEqualTo(1.5);
            }
            if (line.figure().id().equals(GEMM)) {
                assertThat(line.ratio()).isCloseTo(2 / 3.0, org.assertj.core.data.Offset.offset(1e-12));
            }
            if (line.figure().id().equals("dequantize-nf4")) {
                // The store reference writes as many bytes as the matrix has.
                assertThat(line.ratio()).isCloseTo(2 / 3.0, org.assertj.core.data.Offset.offset(1e-12));
            }
        }
    }

    @Test
    void exitCodesFromFiles() throws IOException {
        Path baseline = folder.resolve("baseline.json");
        Path good = Files.writeString(folder.resolve("good.json"), run(1, "", 1, ""));
        Path slow = Files.writeString(folder.resolve("slow.json"), run(1, GEMM, 2, ""));
        assertThat(compare("--results", good.toString(), "--baseline", baseline.toString()))
                .startsWith("1 ")
                .contains("there is no " + baseline + "; --write-baseline makes it");
        assertThat(compare("--results", good.toString(), "--baseline", baseline.toString(), "--write-baseline"))
                .startsWith("0 ");
        assertThat(compare("--results", good.toString(), "--baseline", baseline.toString()))
                .startsWith("0 ")
                .contains("| gemm-1024 | 30 ms |");
        assertThat(compare("--results", slow.toString(), "--baseline", baseline.toString()))
                .startsWith("1 ")
                .contains("SLOWER")
                .contains("FAILED");
        assertThat(compare("--fast")).startsWith("2 ").contains("--fast is no option");
        assertThat(compare("--results")).startsWith("2 ").contains("needs a file");
    }

    /** What cannot be compared with must not look as if nothing had fallen. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            ''                                                          | holds no figures; remove it
            {}                                                          | holds no figures; remove it
            {"figure":{"gemm-1024":{"ratio":0.9,"noise":0.2}}}          | holds no figures; remove it
            {"figures":[{"ratio":0.9,"noise":0.2}]}                     | holds no figures; remove it
            {"figures":{"gemm-1024":{"ratio":0.9                        | cannot be read: Unexpected end-of-input
            {"figures":{"gemm-1024":{"ratio":"x","noise":0.2}}}         | gemm-1024: a baseline needs ratio > 0
            {"figures":{"gemm-1024":{"ratio":0.9,"noise":1}}}           | gemm-1024: a baseline needs ratio > 0
            """)
    void aMalformedBaselineIsRefused(String content, String words) throws IOException {
        Path good = Files.writeString(folder.resolve("good.json"), run(1, "", 1, ""));
        Path malformed = Files.writeString(folder.resolve("malformed.json"), content);
        String said = compare("--results", good.toString(), "--baseline", malformed.toString());
        assertThat(said).startsWith("2 " + malformed).contains(words).doesNotContain("no ratio fell");
        assertThat(said.lines()).hasSize(1);
    }

    @Test
    void resultsThatAreNoneAreRefused() throws IOException {
        Path cut =
                Files.writeString(folder.resolve("cut.json"), run(1, "", 1, "").substring(0, 1000));
        Path none = folder.resolve("none.json");
        assertThat(compare("--results", cut.toString())).startsWith("2 " + cut + " cannot be read");
        assertThat(compare("--results", none.toString())).startsWith("2 " + none + " cannot be read");
    }

    @Test
    void aNameThatNoBenchmarkHasIsRefusedBeforeAnythingRuns() {
        assertThat(compare("GemmBenchmark", "NoSuchBenchmark")).startsWith("2 NoSuchBenchmark matches no benchmark; ");
    }

    private static String compare(String... arguments) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        int code = CompareMain.run(arguments, new PrintStream(bytes, true, StandardCharsets.UTF_8));
        return code + " " + bytes.toString(StandardCharsets.UTF_8);
    }

    @Test
    void aRunWithoutReferencesCannotBeCompared() {
        JmhResults results = results("[" + entry("dev.lowbit.bench.GemmBenchmark.multiply", List.of(), 1) + "]");
        assertThatThrownBy(() -> Comparison.of(results, baseline(), false))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("ReferenceBenchmark.sgemm");
    }

    @Test
    void figureNamesAreUnique() {
        Set<String> ids = new HashSet<>();
        assertThat(Figure.ALL).allMatch(figure -> ids.add(figure.id()));
    }

    @Test
    void theCommittedBaselinesHoldOnlyKnownFigures() throws IOException {
        Path root = Path.of(System.getProperty("lowbit.root", "..")).toAbsolutePath();
        List<Path> files;
        try (Stream<Path> all = Files.list(root.resolve("jmh"))) {
            files = all.filter(file -> file.getFileName().toString().startsWith("baseline-"))
                    .toList();
        }
        assertThat(files).isNotEmpty();
        for (Path file : files) {
            Baseline committed = Baseline.read(file);
            assertThat(committed.figures()).as(file.toString()).isNotEmpty();
            assertThat(Figure.ALL.stream().map(Figure::id))
                    .containsAll(committed.figures().keySet());
        }
    }
}
