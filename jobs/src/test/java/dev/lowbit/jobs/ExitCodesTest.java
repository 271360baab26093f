package dev.lowbit.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.lowbit.error.NonFiniteWeightException;
import dev.lowbit.store.ConfigFile;
import dev.lowbit.tensor.FloatMatrix;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The table of exit codes, each code by real runs of the command; {@code @x} stands for a file of the fixture. */
class ExitCodesTest {
    @TempDir
    private static Path fixture;

    @BeforeAll
    static void makeFixture() throws IOException {
        Path model = SampleModels.llama(fixture.resolve("model"));
        SampleModels.compressed(model, fixture.resolve("good"), 0);
        Path damaged = SampleModels.compressed(model, fixture.resolve("damaged"), 0);
        flipLastBit(damaged.resolve("config.json"));
        Path lost = SampleModels.compressed(model, fixture.resolve("lost"), 0);
        Files.delete(lost.resolve("lowbit.json"));
        Files.writeString(fixture.resolve("text.safetensors"), "this is no model, though it is called one");
        Files.writeString(fixture.resolve("file"), "a file");
        Files.writeString(fixture.resolve("notes.txt"), "once upon a time there was no model");
        Files.writeString(fixture.resolve("page.html"), "<p>somebody's page</p>");
        Files.createSymbolicLink(fixture.resolve("dangling"), fixture.resolve("nowhere"));
        Path quantized = SampleModels.llama(fixture.resolve("fp8"));
        Path config = quantized.resolve("config.json");
        Files.write(config, ConfigFile.withQuantization(Files.readAllBytes(config), "{\"quant_method\": \"fp8\"}"));
        SampleModels.scaled(fixture.resolve("scaled.safetensors"));
        Files.createDirectory(fixture.resolve("pickles"));
        Files.createDirectory(fixture.resolve("empty"));
        byte[] zip = {'P', 'K', 3, 4, 20, 0, 0, 0, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
        Files.write(fixture.resolve("pytorch_model.bin"), zip);
        Files.write(fixture.resolve("pickles/pytorch_model.bin"), zip);
        Files.write(fixture.resolve("renamed.safetensors"), zip);
        try (FloatMatrix matrix = FloatMatrix.allocate(8, 8)) {
            matrix.set(3, 5, Float.NaN);
            SampleModels.single(fixture.resolve("nan.safetensors"), matrix);
        }
    }

    private static void flipLastBit(Path file) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        bytes[bytes.length - 1] ^= 1;
        Files.write(file, bytes);
    }

    static List<Arguments> failures() {
        return List.of(
                arguments(2, "", "a command is needed"),
                arguments(2, "bogus", "bogus"),
                arguments(2, "inspect @good --bogus", "--bogus"),
                arguments(2, "inspect", "PATH"),
                arguments(2, "compress @model --bits 3", "--out"),
                arguments(2, "compress @model --out @new", "none of --bits, --size and --format"),
                arguments(
                        2,
                        "compress @model --out @new --bits 3 --size 1MB",
                        "--bits and --size of --bits, --size and --format"),
                arguments(2, "compress @model --out @new --format nf9-g1-f16", "unknown matrix format"),
                arguments(2, "compress @model --out @new --format bf16", "does not write the format bf16"),
                arguments(2, "compress @model --out @new --format nf3-g64-f16 --costs @c", "leave out --costs"),
                arguments(
                        2,
                        "plan @model --format nf4-g64-s8x99999-bf16",
                        "a super-block has 1 to 65536 blocks, got 99999"),
                arguments(2, "plan @model --format nf3-g64-f16+r2-f16 --rank 8", "leave out --rank 8"),
                arguments(2, "plan @model --format nf3-g64-f16+r2-f16 --min-rank 0", "leave out --min-rank 0"),
                arguments(2, "compress @model --out @new --format nf3-g64-f16 --group 64", "leave out --group 64"),
                arguments(2, "compress @model --out @new --bits -1", "--bits -1.0: a positive number"),
                arguments(2, "compress @model --out @new --bits 3 --threads 0", "--threads 0: at least 1"),
                arguments(2, "compress @model --out @new --bits 3 --memory much", "--memory"),
                arguments(2, "compress @model --out @new --bits 3 --skip [", "--skip"),
                arguments(
                        2, "compress @model --out @new --bits 3 --skip nothing_has_this_name", "nothing_has_this_name"),
                arguments(
                        2,
                        "compress @model --out @new --bits 3 --method magic",
                        "choose one of float, gptq, int2-lrec, lq-lora"),
                arguments(2, "compress @model --out @new --bits 3 --rank 2 --min-rank 4", "--min-rank 4"),
                arguments(2, "compress @model --out @new --bits 3 --device tpu", "--device tpu: choose cpu or "),
                arguments(2, "compress @model --out @new --bits 3 --report @no/such/r.html", "existing directory"),
                arguments(2, "compress @model --out @new --bits 3 --report @model/config.json", "name it .html"),
                arguments(2, "compress @model --out @new --size 1MB --report @new/report.html", "count for --size"),
                arguments(2, "compress @model --out @new --bits 3 --memroy 1GiB", "--memory"),
                arguments(2, "compare @model --calibration @file --text @file", "--out"),
                arguments(2, "compare --calibration @file --text @file --out @new", "MODEL"),
                arguments(2, "compare @model --calibration @file --text @file --out @new --bits 2,0", "--bits 0.0"),
                arguments(2, "compare @model --calibration @file --text @file --out @new --bits 2,x", "'x'"),
                arguments(2, "compare @model --calibration @file --text @file --out @new --rank -1", "--rank -1"),
                arguments(
                        2,
                        "compare @model --calibration @file --text @file --out @new --methods lq-lora,magic",
                        "unknown method 'magic'"),
                arguments(2, "compare @model @model --calibration @file --text @file --out @new", "both called model"),
                arguments(2, "plan @model", "none of --bits, --size and --format"),
                arguments(2, "export @good --to gguf --out @new", "--to"),
                arguments(2, "export @model --to safetensors --out @new", "lowbit.json"),
                arguments(
                        2,
                        "export @good/model.safetensors.index.json --to safetensors --out @new",
                        "give the directory"),
                arguments(3, "inspect @text.safetensors", "text.safetensors"),
                arguments(3, "inspect @notes.txt", "this is text, no weights"),
                arguments(3, "compress @lost --out @new --bits 4", "whose lowbit.json is not there"),
                arguments(3, "evaluate @lost --text @notes.txt", "whose lowbit.json is not there"),
                arguments(3, "inspect @lost", "whose lowbit.json is not there"),
                arguments(3, "export @lost --to safetensors --out @new", "whose lowbit.json is not there"),
                arguments(3, "export @good --base @lost --to task --out @new.safetensors", "lowbit.json is not there"),
                arguments(3, "export @good --base @lost --to compeft --out @new", "whose lowbit.json is not there"),
                arguments(3, "tune @lost --text @notes.txt --out @new", "whose lowbit.json is not there"),
                arguments(3, "verify @text.safetensors", ""),
                arguments(3, "verify --all @nan.safetensors", ""),
                arguments(3, "compress @nan.safetensors --out @new --bits 4", "row 3"),
                arguments(3, "inspect @empty", "is empty"),
                arguments(3, "export @damaged --to safetensors --out @new", "damaged"),
                arguments(4, "inspect @pytorch_model.bin", "pickle"),
                arguments(4, "inspect @pickles", "pickle"),
                arguments(4, "plan @fp8 --bits 4", "quantized (fp8)"),
                arguments(4, "compress @fp8 --out @new --bits 4", "quantized (fp8)"),
                arguments(4, "evaluate @fp8 --text @notes.txt", "quantized (fp8)"),
                arguments(4, "generate @fp8 --prompt once", "quantized (fp8)"),
                arguments(4, "calibrate @fp8 --text @notes.txt --out @new.safetensors", "quantized (fp8)"),
                arguments(4, "tune @good --text @notes.txt --reference @fp8 --out @new", "quantized (fp8)"),
                arguments(4, "compare @fp8 --calibration @file --text @file --out @new", "quantized (fp8)"),
                arguments(4, "export @fp8 --base @model --to compeft --out @new", "quantized (fp8)"),
                arguments(4, "compress @scaled.safetensors --out @new --bits 4", "a.weight_scale_inv"),
                arguments(4, "evaluate @nan.safetensors --text @notes.txt", "was given alone"),
                arguments(4, "compress @renamed.safetensors --out @new --bits 3", "pickle"),
                arguments(5, "compress @model --out @new --bits 0.5", "smallest"),
                arguments(5, "compress @model --out @new --format nf3-g64-f16+r999-nf8", "has rank 999"),
                arguments(5, "compress @model --out @good --bits 3", "good"),
                arguments(5, "compress @model --out @dangling --bits 3", "exists"),
                arguments(5, "export @good --to safetensors --out @dangling", "exists"),
                arguments(5, "compress @model --out @new --bits 3 --report @page.html", "page.html exists"),
                arguments(5, "compress @model --out @new --bits 3 --report @model/r.html", "lies in the input"),
                arguments(5, "compress @model --out @new --bits 4 --memory 1MiB", "--memory"),
                arguments(5, "export @good --to safetensors --out @empty/../model", "exists"),
                arguments(5, "export @good --to safetensors --out @good/new", "lies in the input"),
                arguments(5, "export @good --base @model --to compeft --out @model/new", "lies in the input"),
                arguments(5, "calibrate @model --text @file --out @model/new.safetensors", "lies in the input"),
                arguments(5, "tune @good --text @file --reference @model --out @model/new", "lies in the input"),
                arguments(5, "tune @good --text @notes.txt --reference @good --out @new", "compressed already"),
                arguments(5, "calibrate @good --text @notes.txt --out @new.safetensors", "compressed already"),
                arguments(5, "compare @model --calibration @file --text @file --out @file", "is no directory"),
                arguments(5, "compare @good --calibration @file --text @file --out @new", "compressed already"),
                arguments(5, "compare @model --calibration @file --text @file --out @model/new", "lies in the input"),
                arguments(6, "compare @absent --calibration @file --text @file --out @new", "absent"),
                arguments(6, "compare @model --calibration @file --text @absent --out @new", "absent"),
                arguments(6, "plan @model --bits 4 --costs @empty", "empty: Is a directory"),
                arguments(6, "plan @model --bits 4 --costs @absent/costs.json", "absent is no directory"),
                arguments(6, "inspect @absent", "absent"),
                arguments(6, "verify @absent", "absent"),
                arguments(6, "compress @absent --out @new --bits 3", "absent"),
                arguments(6, "generate @absent --prompt x --memory 1GiB", "no such file or directory"),
                arguments(6, "export @absent --to safetensors --out @new", "no such file or directory"),
                arguments(6, "export @absent --base @good --to task --out @new.safetensors", "no such file"),
                arguments(6, "export @good --base @absent --to task --out @new.safetensors", "no such file"),
                arguments(6, "export @absent --to compeft --out @new", "no such file or directory"),
                arguments(6, "export @absent --base @model --to compeft --out @new", "no such file or directory"),
                arguments(6, "export @good --base @absent --to compeft --out @new", "no such file or directory"),
                arguments(6, "tune @absent --text @notes.txt --out @new", "no such file or directory"),
                arguments(6, "compress @model --out @file/x --bits 4", "file"),
                arguments(6, "export @good --to safetensors --out @file/x", "file"),
                arguments(6, "calibrate @model --text @file --out @file/x.safetensors", "file is no directory"),
                arguments(6, "calibrate @model --text @file --out @absent/x.safetensors", "absent is no directory"),
                arguments(7, "compress @model --out @new --bits 3 --device absent", "--device absent: no driver"),
                arguments(7, "plan @model --bits 3 --device absent", "--device absent: no driver"),
                arguments(
                        7,
                        "compare @model --calibration @file --text @file --out @new --device absent",
                        "--device absent: no driver"),
                arguments(8, "verify @damaged", ""),
                arguments(8, "verify @lost", ""));
    }

    @ParameterizedTest(name = "{0}: lowbit {1}")
    @MethodSource("failures")
    void eachFaultHasItsCodeAndOneLine(int code, String command, String says) {
        Lowbit run = run(command);
        assertThat(run.code()).as(run.err() + run.out()).isEqualTo(code);
        List<String> lines =
                run.err().lines().filter(line -> line.startsWith("lowbit")).toList();
        if (says.isEmpty()) {
            assertThat(run.out().lines().count()).as("findings on stdout").isGreaterThanOrEqualTo(2);
        } else {
            assertThat(lines).hasSize(1);
            assertThat(lines.getFirst()).contains(says).doesNotContain("Exception");
        }
        assertThat(fixture.resolve("new")).doesNotExist();
        assertThat(run.err()).doesNotContain("\tat ");
    }

    @ParameterizedTest(name = "lowbit {0}")
    @MethodSource
    void success(String command) {
        Lowbit run = run(command);
        assertThat(run.err()).isEmpty();
        assertThat(run.code()).isZero();
        assertThat(run.out()).isNotBlank();
    }

    static Stream<String> success() {
        return Stream.of(
                "--help",
                "--version",
                "inspect @model --quiet",
                "inspect @good",
                "inspect @good/model.safetensors.index.json --quiet",
                "verify @good",
                "verify @model --quiet",
                "verify --all @model --quiet",
                "plan @model --bits 4 --quiet");
    }

    @Test
    void aLowestRankBeyondAMatrixIsSaid() {
        Lowbit run = run("plan @model --bits 30 --rank 99 --min-rank 20");
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.err()).contains("warning: --min-rank 20 is more than").contains("k_proj");
    }

    private static Lowbit run(String command) {
        Object[] words = command.isEmpty()
                ? new Object[0]
                : Arrays.stream(command.split(" "))
                        .map(word -> word.startsWith("@") ? fixture.resolve(word.substring(1)) : word)
                        .toArray();
        return Lowbit.run(words);
    }

    @Test
    void interruptedIs130AndCanBeResumed() {
        Path out = fixture.resolve("interrupted");
        Thread.currentThread().interrupt();
        Lowbit run = run("compress @model --bits 9 --threads 1 --quiet --out @interrupted");
        assertThat(Thread.interrupted() || run.code() == ExitCodes.INTERRUPTED).isTrue();
        assertThat(run.code()).isEqualTo(ExitCodes.INTERRUPTED);
        assertThat(run.err()).contains("interrupted");
        assertThat(out).doesNotExist();
        assertThat(run("compress @model --bits 9 --threads 1 --quiet --resume --out @interrupted")
                        .code())
                .isZero();
        assertThat(out).exists();
    }

    /** Readers name the tensor first; where one does not, it is the file's fault all the same. */
    @Test
    void aWeightThatIsNoNumberIsMalformedWhoeverFindsIt() {
        assertThat(ExitCodes.of(new NonFiniteWeightException(2, 7, Float.NaN))).isEqualTo(ExitCodes.MALFORMED);
    }

    /** What the JVM throws where a mapped file that somebody truncated is read. */
    @Test
    void aTruncatedMappingIsTheFilesFault() {
        InternalError lost = new InternalError("a fault occurred in an unsafe memory access operation");
        assertThat(ExitCodes.of(lost)).isEqualTo(ExitCodes.MALFORMED);
        assertThat(FailureMessage.of(lost))
                .startsWith("a file changed while it was read")
                .hasLineCount(1);
        assertThat(ExitCodes.of(new InternalError("platform encoding not initialized")))
                .isEqualTo(ExitCodes.BUG);
    }

    @Test
    void debugAddsTheStack() {
        Lowbit run = run("inspect @absent --debug");
        assertThat(run.code()).isEqualTo(ExitCodes.IO);
        assertThat(run.err()).contains("\tat dev.lowbit.");
    }

    /** Disk full on stdout must not look like success. */
    @Test
    void unwritableStandardOutputIsAnIoFault() {
        PrintStream full = new PrintStream(
                new OutputStream() {
                    @Override
                    public void write(int b) throws IOException {
                        throw new IOException("No space left on device");
                    }
                },
                true,
                StandardCharsets.UTF_8);
        String[] words = {"inspect", fixture.resolve("model").toString(), "--json"};
        assertThat(Main.run(words, full, new PrintStream(OutputStream.nullOutputStream())))
                .isEqualTo(ExitCodes.IO);
    }

    /** In Turkish, upper and lower case of i are different letters, and some locales have digits of their own. */
    @ParameterizedTest
    @MethodSource
    void sameOutputInEveryLocale(String locale) {
        Locale before = Locale.getDefault();
        String expected = run("inspect @good").out();
        try {
            Locale.setDefault(Locale.forLanguageTag(locale));
            assertThat(run("inspect @good").out()).isEqualTo(expected);
            Lowbit job = run("compress @model --bits 9 --rank 2 --threads 1 --quiet --out @" + locale);
            assertThat(job.code()).as(job.err()).isZero();
            assertThat(fixture.resolve(locale).resolve("lowbit.json"))
                    .hasSameBinaryContentAs(fixture.resolve("good").resolve("lowbit.json"));
        } finally {
            Locale.setDefault(before);
        }
    }

    static Stream<String> sameOutputInEveryLocale() {
        return Stream.of("tr-TR", "ar-EG-u-nu-arab");
    }
}
