package dev.lowbit.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What every command owes: help, documentation, and one JSON document on stdout. */
class CommandLineTest {
    private static final JsonMapper STRICT = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    @TempDir
    private Path folder;

    private static CommandLine commandLine() {
        PrintStream nothing = new PrintStream(OutputStream.nullOutputStream());
        return Main.commandLine(new Console(nothing, nothing, false));
    }

    static Stream<String> commands() {
        return new TreeSet<>(commandLine().getSubcommands().keySet()).stream();
    }

    @ParameterizedTest
    @MethodSource("commands")
    void helpExplainsAndSucceeds(String command) {
        Lowbit run = Lowbit.run(command, "--help");
        assertThat(run.code()).isZero();
        assertThat(run.err()).isEmpty();
        assertThat(run.out()).startsWith("Usage: lowbit " + command + " ");
        assertThat(run.out().lines()).allMatch(line -> line.length() <= 100);
        CommandLine.Model.CommandSpec spec =
                commandLine().getSubcommands().get(command).getCommandSpec();
        // the list of commands shows the first line alone
        assertThat(spec.usageMessage().description()[0]).endsWith(".");
        assertThat(spec.options())
                .allSatisfy(option -> assertThat(option.description())
                        .as(option.longestName())
                        .isNotEmpty());
        assertThat(spec.positionalParameters())
                .allSatisfy(parameter -> assertThat(parameter.description()).isNotEmpty());
    }

    @ParameterizedTest
    @ValueSource(strings = {"compress", "plan", "calibrate", "compare"})
    void aDeviceThatIsAlwaysRefusedIsNotOffered(String command) {
        assertThat(description(command, "--device")).contains("refused").doesNotContain("cuda");
    }

    @Test
    void tuneOffersADeviceForItsReference() {
        assertThat(description("tune", "--device")).contains("Only with --reference", "cuda");
    }

    @ParameterizedTest
    @ValueSource(strings = {"compress", "plan"})
    void helpNamesTheMethods(String command) {
        assertThat(Methods.names()).hasSizeGreaterThan(4);
        String help = Lowbit.run(command, "--help").out().replaceAll("\\s+", " ");
        assertThat(help).contains(String.join(", ", Methods.names()));
    }

    private static String description(String command, String option) {
        CommandLine.Model.CommandSpec spec =
                commandLine().getSubcommands().get(command).getCommandSpec();
        return String.join(" ", spec.findOption(option).description());
    }

    /** An error that will be measured is not bounded by what was predicted, which rounds otherwise. */
    @Test
    void planPredictsAndPromisesNothing() {
        Lowbit run = Lowbit.run("plan", SampleModels.llama(folder.resolve("model")), "--bits", 5, "--quiet");
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.out()).containsPattern("(?m)^error +0\\.\\d{6}, predicted$");
    }

    @Test
    void helpListsEveryCommand() {
        assertThat(Lowbit.run("--help").out()).contains(commands().toList());
    }

    /** docs/commands.md has a section for every command that names every option of it. */
    @ParameterizedTest
    @MethodSource("commands")
    void everyOptionIsDocumented(String command) throws IOException {
        String documentation =
                Files.readString(Path.of(System.getProperty("lowbit.root", ".."), "docs", "commands.md"));
        int start = documentation.indexOf("\n## lowbit " + command + "\n");
        assertThat(start).as("section of " + command).isPositive();
        int end = documentation.indexOf("\n## ", start + 1);
        String section = documentation.substring(start, end < 0 ? documentation.length() : end);
        String common = documentation.substring(0, documentation.indexOf("\n## lowbit "));
        for (OptionSpec option :
                commandLine().getSubcommands().get(command).getCommandSpec().options()) {
            assertThat(section + common).contains("`" + option.longestName());
        }
    }

    @Test
    void jsonIsOneDocumentAndNothingElse() {
        Path model = SampleModels.llama(folder.resolve("model"));
        Path good = folder.resolve("good");
        List<Object[]> commands = List.of(
                new Object[] {"compress", model, "--out", good, "--bits", 9, "--min-rank", 1, "--json"},
                new Object[] {"plan", model, "--bits", 9, "--json"},
                new Object[] {"inspect", model, "--json"},
                new Object[] {"inspect", good, "--json"},
                new Object[] {"verify", good, "--json"},
                new Object[] {"verify", model, "--all", "--json"},
                new Object[] {"export", good, "--to", "safetensors", "--out", folder.resolve("e"), "--json"},
                new Object[] {"export", good, "--to", "peft", "--out", folder.resolve("p"), "--json"},
                new Object[] {"doctor", "--json"});
        for (Object[] command : commands) {
            Lowbit run = Lowbit.run(command);
            assertThat(run.code()).as(run.err()).isZero();
            JsonNode document = STRICT.readTree(run.out());
            assertThat(document.isObject()).isTrue();
            assertThat(run.out()).doesNotContain("null", "NaN", "Infinity");
        }
    }

    /** The fields that product promises, and that matrices add up to the total exactly. */
    @Test
    void inspectAndCompressAgree() {
        Path model = SampleModels.llama(folder.resolve("model"));
        Path out = folder.resolve("good");
        JsonNode job = STRICT.readTree(Lowbit.run("compress", model, "--out", out, "--bits", 5, "--rank", 4, "--json")
                .out());
        JsonNode inspected =
                STRICT.readTree(Lowbit.run("inspect", out, "--json").out());
        for (String field : List.of(
                "weights",
                "bitsPerWeight",
                "bytes",
                "outputBytes",
                "relativeError",
                "objective",
                "bound",
                "gap",
                "paperBitsPerWeight")) {
            assertThat(inspected.get(field)).as(field).isEqualTo(job.get(field));
        }
        long bytes = 0;
        for (int i = 0; i < inspected.get("matrices").size(); i++) {
            JsonNode matrix = inspected.get("matrices").get(i);
            bytes += matrix.get("bytes").asLong();
            for (String field : List.of(
                    "name", "rows", "columns", "method", "format", "rank", "bytes", "bitsPerWeight", "relativeError")) {
                assertThat(matrix.get(field))
                        .as(field)
                        .isEqualTo(job.get("matrices").get(i).get(field));
            }
        }
        assertThat(bytes).isEqualTo(inspected.get("bytes").asLong());
        assertThat(DirectorySize.bytes(out))
                .isEqualTo(inspected.get("outputBytes").asLong());
    }

    /** Of an index: the weights that it names and itself, not what else lies in the folder. */
    @Test
    void inspectCountsTheFilesThatItReads() throws IOException {
        Path model = SampleModels.llama(folder.resolve("model"));
        Path index = model.resolve("model.safetensors.index.json");
        List<Path> shards;
        try (Stream<Path> files = Files.list(model)) {
            shards = files.filter(file -> file.toString().endsWith(".safetensors"))
                    .toList();
        }
        assertThat(shards).hasSizeGreaterThan(1);
        long weights = shards.stream().mapToLong(DirectorySize::bytes).sum();
        assertThat(outputBytes(index)).isEqualTo(weights + Files.size(index));
        assertThat(outputBytes(model)).isEqualTo(DirectorySize.bytes(model));
        assertThat(outputBytes(shards.getFirst())).isEqualTo(Files.size(shards.getFirst()));
        assertThat(outputBytes(Files.createSymbolicLink(folder.resolve("link"), model)))
                .isPositive()
                .isEqualTo(outputBytes(model));
    }

    @Test
    void inspectNamesShardsByTheirFolders() {
        Path model = SampleModels.inFolders(SampleModels.llama(folder.resolve("model")));
        JsonNode inspected =
                STRICT.readTree(Lowbit.run("inspect", model, "--json").out());
        for (JsonNode tensor : inspected.get("tensors")) {
            assertThat(tensor.get("file").stringValue()).endsWith("/weights.safetensors");
            assertThat(model.resolve(tensor.get("file").stringValue())).isRegularFile();
        }
    }

    private static long outputBytes(Path path) {
        Lowbit run = Lowbit.run("inspect", path, "--json");
        assertThat(run.code()).as(run.err()).isZero();
        return STRICT.readTree(run.out()).get("outputBytes").asLong();
    }

    /** A terminal obeys escape sequences, whoever wrote them. */
    @Test
    void inspectShowsControlCharactersOfNamesEscaped() {
        Path file = folder.resolve("odd.safetensors");
        String name = "a\u001b[2J\nb.weight";
        try (SafetensorsWriter writer = SafetensorsWriter.create(
                file, Map.of(), List.of(new SafetensorsWriter.Entry(name, DType.F32, List.of(1L, 1L))))) {
            writer.write(MemorySegment.ofArray(new float[1]));
            writer.finish();
        }
        Lowbit run = Lowbit.run("inspect", file);
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.out()).contains("a\\u001b[2J\\u000ab.weight").doesNotContain("\u001b");
        assertThat(STRICT.readTree(Lowbit.run("inspect", file, "--json").out())
                        .get("tensors")
                        .get(0)
                        .get("name")
                        .asString())
                .isEqualTo(name);
    }

    /** A format in place of a budget: nothing is chosen, bytes are what plan says, the error what its file has. */
    @ParameterizedTest
    @ValueSource(strings = {"nf3-g32-f16", "nf2-g32-s4x64-bf16+r3-nf8"})
    void oneFormatForEveryMatrix(String format) {
        Path model = SampleModels.llama(folder.resolve("model"));
        Path out = folder.resolve("good");
        JsonNode plan = STRICT.readTree(
                Lowbit.run("plan", model, "--format", format, "--json").out());
        Lowbit run = Lowbit.run("compress", model, "--out", out, "--format", format, "--json");
        assertThat(run.code()).as(run.err()).isZero();
        JsonNode job = STRICT.readTree(run.out());
        assertThat(job.get("bytes").asLong()).isEqualTo(plan.get("bytes").asLong());
        assertThat(job.get("outputBytes").asLong())
                .isEqualTo(plan.get("outputBytes").asLong())
                .isEqualTo(DirectorySize.bytes(out));
        // measured in double on what was written; the plan's sums are partly in float
        assertThat(job.get("relativeError").asDouble())
                .isLessThanOrEqualTo(plan.get("relativeError").asDouble() * (1 + 1e-6));
        for (JsonNode matrix : job.get("matrices")) {
            assertThat(matrix.get("format").asString()).isEqualTo(format);
        }
        assertThat(Lowbit.run("verify", out).code()).isZero();
    }
}
