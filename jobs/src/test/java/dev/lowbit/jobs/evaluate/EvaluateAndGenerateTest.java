package dev.lowbit.jobs.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.cuda.FakeCuda;
import dev.lowbit.cuda.FakeProvider;
import dev.lowbit.device.Finding;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.BrokenCap;
import dev.lowbit.jobs.Lowbit;
import dev.lowbit.jobs.PeakMemory;
import dev.lowbit.jobs.SampleModels;
import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code evaluate} and {@code generate} on a small made-up model: results, and every fault with its code and sentence. */
class EvaluateAndGenerateTest {
    /** Words w0 to w31: one for each id of the model. */
    private static final int VOCABULARY = 32;

    private static final int HIDDEN = 24;

    @TempDir
    private static Path fixture;

    @BeforeAll
    static void makeFixture() throws IOException {
        Path model = SampleModels.llama(fixture.resolve("model"));
        configure(model, "\"bos_token_id\": 1, \"max_position_embeddings\": 16,");
        Files.writeString(model.resolve("tokenizer.json"), tokenizer(VOCABULARY));
        SampleModels.compressed(model, fixture.resolve("packed"), 0);

        Path wide = copy(model, "wide");
        Files.writeString(wide.resolve("tokenizer.json"), tokenizer(VOCABULARY + 1));
        Path misfit = copy(model, "misfit");
        configure(misfit, "\"head_dim\": 4,");
        Path strange = copy(model, "strange");
        Files.writeString(
                strange.resolve("config.json"),
                Files.readString(strange.resolve("config.json")).replaceAll("\"llama\"", "\"mamba\""));
        Files.delete(copy(model, "bare").resolve("config.json"));
        fillLastTensor(copy(model, "huge"), Float.MAX_VALUE);
        Files.delete(copy(model, "mute").resolve("tokenizer.json"));
        Files.writeString(copy(model, "broken").resolve("tokenizer.json"), "{\"model\": ");
        Files.writeString(
                copy(model, "endless").resolve("config.json"),
                Files.readString(model.resolve("config.json")).replace("\"bos_token_id\": 1,", ""));

        StringBuilder text = new StringBuilder();
        for (int i = 0; i < 200; i++) {
            text.append("w").append(i * i % VOCABULARY).append(' ');
        }
        Files.writeString(fixture.resolve("text"), text);
        Files.writeString(fixture.resolve("high"), "w3 w" + VOCABULARY);
        Files.writeString(fixture.resolve("empty"), "");
        Files.writeString(fixture.resolve("blank"), " \n ");
        Files.write(fixture.resolve("latin"), new byte[] {'w', '1', ' ', (byte) 0xe9, 'w'});
        Files.writeString(fixture.resolve("bad.jsonl"), "{\"input_ids\": [1, 99]}\n");
        byte[] zip = {'P', 'K', 3, 4, 20, 0, 0, 0, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
        Files.write(fixture.resolve("pytorch_model.bin"), zip);
        ids("ids", 4, 1, 2, 3, 4, 1, 5, 6, 7);
        ids("ids.high", 4, 1, 2, 3, 4, 1, 5, VOCABULARY, 7);
        ids("ids.negative", 4, 1, -1, 3, 4);
        ids("ids.mixed", 4, 1, 2, 3, 4, 2, 5, 6, 7);
        int[] wideIds = new int[17];
        Arrays.fill(wideIds, 1);
        ids("ids.long", 17, wideIds);
    }

    private static String tokenizer(int words) {
        StringBuilder vocabulary = new StringBuilder("\"?\": 0");
        for (int i = 1; i < words; i++) {
            vocabulary.append(", \"w").append(i).append("\": ").append(i);
        }
        return "{\"version\": \"1.0\", \"added_tokens\": [], \"pre_tokenizer\": {\"type\": \"WhitespaceSplit\"}, "
                + "\"model\": {\"type\": \"WordLevel\", \"unk_token\": \"?\", \"vocab\": {\"w" + words + "\": "
                + (words - 1) + ", " + vocabulary + "}}}";
    }

    /** Puts fields in front of those of config.json, whose own of the same name go. */
    private static void configure(Path model, String fields) throws IOException {
        Path file = model.resolve("config.json");
        String text = Files.readString(file);
        for (String field : fields.split(",")) {
            text = text.replaceAll("\\s*" + field.split(":")[0].strip() + "\\s*:\\s*[0-9]+,", "");
        }
        Files.writeString(file, text.replaceFirst("\\{", "{" + fields));
    }

    private static Path copy(Path model, String name) throws IOException {
        Path folder = Files.createDirectory(fixture.resolve(name));
        try (var files = Files.list(model)) {
            for (Path file : files.toList()) {
                Files.copy(file, folder.resolve(file.getFileName()));
            }
        }
        return folder;
    }

    /** Overwrites the output head, which stands last. */
    private static void fillLastTensor(Path model, float value) throws IOException {
        Path last;
        try (var files = Files.list(model)) {
            last = files.filter(file -> file.toString().endsWith(".safetensors"))
                    .max(Comparator.naturalOrder())
                    .orElseThrow();
        }
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(last)).order(ByteOrder.LITTLE_ENDIAN);
        for (int at = bytes.capacity() - Float.BYTES * VOCABULARY * HIDDEN; at < bytes.capacity(); at += Float.BYTES) {
            bytes.putFloat(at, value);
        }
        Files.write(last, bytes.array());
    }

    private static void ids(String name, long length, int... ids) {
        SafetensorsWriter.Entry entry =
                new SafetensorsWriter.Entry("ids", DType.I32, List.of(ids.length / length, length));
        try (SafetensorsWriter writer =
                SafetensorsWriter.create(fixture.resolve(name + ".safetensors"), Map.of(), List.of(entry))) {
            writer.write(MemorySegment.ofArray(ids));
            writer.finish();
        }
    }

    private static Lowbit run(String command) {
        return Lowbit.run(Arrays.stream(command.split(" "))
                .map(word -> word.startsWith("@") ? fixture.resolve(word.substring(1)) : word)
                .toArray());
    }

    static List<Arguments> failures() {
        return List.of(
                arguments(2, "evaluate @model", "neither of --text and --ids"),
                arguments(2, "evaluate @model --text @text --ids @ids.safetensors", "both of --text and --ids"),
                arguments(2, "evaluate @model --ids @ids.safetensors --context 4", "--context goes with --text"),
                arguments(2, "evaluate @model --text @text --context 1", "--context 1: at least 2"),
                arguments(2, "evaluate @model --text @text --max-tokens 0", "--max-tokens 0: at least 1"),
                arguments(2, "evaluate @model --text @text --device tpu", "--device tpu: choose cpu or "),
                arguments(3, "evaluate @model --text @latin", "BAD_UTF8 at byte 3"),
                arguments(3, "evaluate @model --text @bad.jsonl", "line 1: token id \"99\" is not in 0 to 31"),
                arguments(3, "evaluate @model --ids @ids.high.safetensors", "token id 32 is not in 0 to 31"),
                arguments(3, "evaluate @model --ids @ids.negative.safetensors", "token id -1 is not in 0 to 31"),
                arguments(3, "evaluate @model --ids @ids.mixed.safetensors", "window 1 begins with id 2"),
                arguments(3, "evaluate @wide --text @high", "gives token id 32, the model has ids 0 to 31"),
                arguments(3, "evaluate @misfit --text @text", "implies [16, 24] for"),
                arguments(3, "evaluate @broken --text @text", "BAD_TOKENIZER"),
                arguments(4, "evaluate @strange --text @text", "model_type 'mamba' is not known"),
                arguments(4, "evaluate @bare --text @text", "no config.json"),
                arguments(4, "evaluate @pytorch_model.bin --text @text", "pickle"),
                arguments(5, "evaluate @model --text @empty", "is empty"),
                arguments(5, "evaluate @model --text @blank", "no tokens"),
                arguments(5, "evaluate @model --text @text --context 17", "give 2 to 16"),
                arguments(5, "evaluate @model --ids @ids.long.safetensors", "windows of 17 ids"),
                arguments(5, "evaluate @mute --text @text", "no tokenizer.json"),
                arguments(5, "evaluate @endless --text @text", "bos_token_id"),
                arguments(5, "evaluate @model --text @text --memory 1MiB", "--memory allows"),
                arguments(
                        5, "evaluate @huge --text @text", "huge predicts for token 0 of window 0 is no finite number"),
                arguments(
                        5,
                        "evaluate @model --text @text --reference @huge",
                        "huge predicts for token 0 of window 0 is no finite number"),
                arguments(6, "evaluate @model --text @absent", "absent"),
                arguments(6, "evaluate @absent --text @text", "absent"),
                arguments(7, "evaluate @model --text @text --device absent", "--device absent: no driver"),
                arguments(
                        2, "evaluate @packed --text @text --device absent --accuracy fast", "--accuracy fast is about"),
                arguments(2, "generate @model", "--prompt"),
                arguments(2, "generate @model --prompt w1 --temperature -1", "temperature of -1.0"),
                arguments(2, "generate @model --prompt w1 --max-tokens 0", "--max-tokens 0: at least 1"),
                arguments(3, "generate @wide --prompt w32", "gives token id 32"),
                arguments(4, "generate @bare --prompt w1", "no config.json"),
                arguments(5, "generate @mute --prompt w1", "no tokenizer.json"),
                arguments(5, "generate @huge --prompt w1", "behind 2 tokens the logit of token id 0 is"),
                arguments(7, "generate @model --prompt w1 --device absent", "--device absent: no driver"));
    }

    @ParameterizedTest(name = "{0}: lowbit {1}")
    @MethodSource("failures")
    void eachFaultHasItsCodeAndOneLine(int code, String command, String says) {
        Lowbit run = run(command);
        assertThat(run.code()).as(run.err() + run.out()).isEqualTo(code);
        List<String> lines =
                run.err().lines().filter(line -> line.startsWith("lowbit")).toList();
        assertThat(lines).hasSize(1);
        assertThat(lines.getFirst()).contains(says).doesNotContain("Exception");
        assertThat(run.out()).isEmpty();
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void aCapThatWasNotKeptIsTold() {
        long cap = BrokenCap.bytes();
        Lowbit evaluate = run("evaluate @model --text @text --memory " + cap);
        assertThat(evaluate.code()).as(evaluate.err()).isZero();
        assertThat(evaluate.err()).contains("is above the cap of");
        Lowbit generate = run("generate @model --prompt w3 --memory " + cap);
        assertThat(generate.code()).as(generate.err()).isZero();
        assertThat(generate.err()).contains("is above the cap of");
    }

    /** What a model could read decides neither the memory nor the windows; what it is to read does. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void aModelThatReadsMoreThanAnybodyWrites() throws IOException {
        Path longer = copy(fixture.resolve("model"), "longer");
        configure(longer, "\"max_position_embeddings\": 100000000,");
        long cap = PeakMemory.residentBytes().orElseThrow() + (256L << 20);
        Lowbit evaluate = run("evaluate @longer --text @text --json --memory " + cap);
        assertThat(evaluate.code()).as(evaluate.err()).isZero();
        assertThat(JsonMapper.shared().readTree(evaluate.out()).get("context").intValue())
                .isEqualTo(2048);
        Lowbit few = run("generate @longer --prompt w3 --max-tokens 2 --memory " + cap);
        assertThat(few.code()).as(few.err()).isZero();
        Lowbit many = run("generate @longer --prompt w3 --max-tokens 50000000 --memory " + cap);
        assertThat(many.code()).isEqualTo(5);
        assertThat(many.err()).contains("running", "needs", "--memory");
    }

    /** A cap is compared with a model before that is opened; what is wrong with it, and what is not, stays the same. */
    @ParameterizedTest
    @ValueSource(strings = {"model/model.safetensors.index.json", "bare", "strange", "mute"})
    void aRoomyCapChangesNothing(String model) {
        Lowbit without = run("generate @" + model + " --prompt w3 --max-tokens 2 --quiet");
        Lowbit capped = run("generate @" + model + " --prompt w3 --max-tokens 2 --quiet --memory 1TiB");
        assertThat(capped.err()).isEqualTo(without.err());
        assertThat(capped.code()).isEqualTo(without.code());
        assertThat(capped.out()).isEqualTo(without.out());
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void aTextCountsForTheCap() throws IOException {
        Files.writeString(fixture.resolve("much"), "w1 ".repeat(1 << 20));
        Files.writeString(fixture.resolve("much.jsonl"), "{\"text\": \"" + "w1 ".repeat(1 << 20) + "\"}\n");
        Files.writeString(fixture.resolve("short.jsonl"), "{\"text\": \"w1 w2\"}\n".repeat(1 << 17));
        long cap = PeakMemory.residentBytes().orElseThrow() + (256L << 20);
        Lowbit lines = run("evaluate @model --text @short.jsonl --max-tokens 20 --memory " + cap);
        assertThat(lines.code()).as(lines.err()).isZero();
        Lowbit line = run("evaluate @model --text @much.jsonl --max-tokens 20 --memory " + cap);
        assertThat(line.code()).as(line.err()).isEqualTo(5);
        Lowbit evaluate = run("evaluate @model --text @much --max-tokens 20 --memory " + cap);
        assertThat(evaluate.code()).as(evaluate.err()).isEqualTo(5);
        assertThat(evaluate.err()).contains("needs", "--memory", "cut the text");
    }

    /** With a reference there are two models and one text. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void aTextIsEncodedOnceForTwoModels() throws IOException {
        Files.writeString(fixture.resolve("some"), "w1 ".repeat(220_000));
        long cap = PeakMemory.residentBytes().orElseThrow() + (256L << 20);
        Lowbit run = run("evaluate @packed --reference @model --text @some --max-tokens 20 --memory " + cap);
        assertThat(run.code()).as(run.err()).isZero();
    }

    @Test
    void aPromptLongerThanTheContext() {
        Lowbit run = Lowbit.run("generate", fixture.resolve("model"), "--prompt", "w2 ".repeat(16));
        assertThat(run.code()).isEqualTo(5);
        assertThat(run.err()).contains("the prompt has 17 tokens");
    }

    /** The document but for what depends on time and machine. */
    private static String document(String command) {
        Lowbit run = run(command + " --json --quiet");
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.err()).isEmpty();
        return run.out().replaceAll("(?m)^.*\"(seconds|tokensPerSecond|peakMemoryBytes)\".*\\R", "");
    }

    private static JsonNode json(String command) {
        return JsonMapper.builder()
                .build()
                .readTree(run(command + " --json --quiet").out());
    }

    @Test
    void theSameDigitsForAnyNumberOfThreads() {
        String command = "evaluate @packed --text @text --reference @model --threads ";
        String one = document(command + 1);
        assertThat(document(command + 2)).isEqualTo(one);
        assertThat(document(command + 7)).isEqualTo(one);
        assertThat(document("generate @model --prompt w3 --temperature 1 --seed 4 --threads 1"))
                .isEqualTo(document("generate @model --prompt w3 --temperature 1 --seed 4 --threads 5"));
    }

    /** By lookup where the machine can, else exact: in both cases near, and the same for any number of threads. */
    @Test
    void fastProductsAreNearAndReproducible() {
        String command = "evaluate @packed --text @text --reference @model --accuracy ";
        JsonNode exact = json(command + "exact");
        JsonNode fast = json(command + "fast");
        assertThat(exact.get("accuracy").asString()).isEqualTo("exact");
        assertThat(fast.get("accuracy").asString()).isEqualTo("fast");
        assertThat(fast.get("nll").asDouble()).isCloseTo(exact.get("nll").asDouble(), within(0.05));
        assertThat(document(command + "fast --threads 1")).isEqualTo(document(command + "fast --threads 3"));
        String generate = "generate @packed --prompt w3 --accuracy fast --threads ";
        assertThat(document(generate + 1)).isEqualTo(document(generate + 4));
    }

    /**
     * The products of a device, here one that is none. They differ from the CPU's by the rounding of sums of at most 24 terms, some 1e-6 of a logit each; the loss of a token moves by as much.
     */
    @Test
    void aDeviceGivesTheSameFigures() {
        Assumptions.assumeTrue(
                new FakeProvider().find() instanceof Finding.Found, "skipped: no g++, which the fake device needs");
        for (String model : List.of("@packed", "@model")) {
            JsonNode cpu = json("evaluate " + model + " --text @text");
            JsonNode device = json("evaluate " + model + " --text @text --device fake");
            assertThat(cpu.get("device").asString()).isEqualTo("cpu");
            assertThat(device.get("device").asString()).isEqualTo("fake");
            assertThat(device.get("nll").asDouble()).isCloseTo(cpu.get("nll").asDouble(), within(1e-4));
        }
        JsonNode beside = json("evaluate @model --text @text --reference @model --device fake");
        assertThat(beside.get("klDivergence").asDouble()).isZero();
        assertThat(json("generate @packed --prompt w3 --device fake").get("text"))
                .isEqualTo(json("generate @packed --prompt w3").get("text"));
        assertThat(FakeCuda.liveBytes()).isZero();
        assertThat(FakeCuda.contexts()).isZero();
    }

    @Test
    void whatDecidesBytesStaysOnTheCpu() {
        Assumptions.assumeTrue(
                new FakeProvider().find() instanceof Finding.Found, "skipped: no g++, which the fake device needs");
        Lowbit run = run("compress @model --out @new --bits 3 --device fake");
        assertThat(run.code()).isEqualTo(7);
        assertThat(run.err())
                .isEqualTo(
                        "lowbit: --device fake: this command computes on the CPU, where its result has the same bytes on every"
                                + " machine; leave --device out\n");
    }

    /** The fault of the device reaches the user, and nothing is left on it. */
    @Test
    void aDeviceThatIsTooSmallIsAFaultOfTheDevice() {
        Assumptions.assumeTrue(
                new FakeProvider().find() instanceof Finding.Found, "skipped: no g++, which the fake device needs");
        FakeProvider.limitNext(1000);
        Lowbit run = run("evaluate @model --text @text --device fake");
        assertThat(run.code()).isEqualTo(7);
        assertThat(run.err()).contains("fake device is out of memory: ").contains("of 1000 free");
        assertThat(run.out()).isEmpty();
        assertThat(FakeCuda.liveBytes()).isZero();
    }

    @Test
    void fieldsOfTheContract() {
        JsonNode alone = json("evaluate @model --text @text --max-tokens 100");
        assertThat(alone.get("tokens").asInt()).isEqualTo(100);
        assertThat(alone.get("context").asInt()).isEqualTo(16);
        double nll = alone.get("nll").asDouble();
        assertThat(alone.get("perplexity").asDouble()).isEqualTo(StrictMath.exp(nll));
        assertThat(alone.get("perplexityStdErr").asDouble()).isPositive();
        assertThat(alone.has("bitsPerWeight")).isFalse();
        assertThat(alone.has("klDivergence")).isFalse();

        JsonNode one = json("evaluate @packed --text @text --reference @model --max-tokens 1");
        assertThat(one.get("klDivergence").asDouble()).isPositive();
        assertThat(one.has("perplexityStdErr")).as("error of one token").isFalse();
        assertThat(one.has("klDivergenceStdErr")).isFalse();

        JsonNode beside = json("evaluate @packed --text @text --reference @model");
        assertThat(beside.get("weights").asLong()).isPositive();
        assertThat(beside.get("bitsPerWeight").asDouble())
                .isEqualTo(8.0
                        * beside.get("bytes").asLong()
                        / beside.get("weights").asLong());
        assertThat(beside.get("klDivergence").asDouble()).isPositive();
        assertThat(beside.get("klDivergenceStdErr").asDouble()).isPositive();
        assertThat(beside.get("klDivergenceP99").asDouble())
                .isGreaterThan(beside.get("klDivergence").asDouble());
        assertThat(beside.get("top1Agreement").asDouble()).isBetween(0.5, 1.0);
    }

    /** Sizes from a file: 2^31 windows of nothing to predict, and more tokens than an int counts. */
    @Test
    void manyIdsAreRefusedInOneLineOrCounted() throws IOException {
        Path file = fixture.resolve("many.safetensors");
        long bytes = 4L << 31;
        String header = "{\"ids\":{\"dtype\":\"I32\",\"shape\":[2147483648,1],\"data_offsets\":[0," + bytes + "]}}";
        try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
            sparse.writeLong(Long.reverseBytes(header.length()));
            sparse.writeBytes(header);
            sparse.setLength(8 + header.length() + bytes);
        }
        Lowbit run = run("evaluate @model --ids @many.safetensors");
        Files.delete(file);
        assertThat(run.code()).as(run.err()).isEqualTo(5);
        assertThat(run.err()).contains("windows of 1 ids");
        assertThat(EvaluationTokens.count(file, 1 << 30, 3, 1000)).isEqualTo(1000);
        assertThat(EvaluationTokens.count(file, 3, 5, Integer.MAX_VALUE)).isEqualTo(12);
        assertThatThrownBy(() -> EvaluationTokens.count(file, 1 << 30, 3, Integer.MAX_VALUE))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("2147483648 tokens")
                .hasMessageContaining("--max-tokens");
    }

    /** Two rows of ids are two windows of a text. */
    @Test
    void idsAreWindows() throws IOException {
        Files.writeString(fixture.resolve("six.jsonl"), "{\"input_ids\": [2, 3, 4]}\n{\"input_ids\": [5, 6, 7]}\n");
        assertThat(document("evaluate @model --ids @ids.safetensors"))
                .isEqualTo(document("evaluate @model --text @six.jsonl --context 4"));
        assertThat(document("evaluate @model --ids @ids.safetensors --max-tokens 4"))
                .isEqualTo(document("evaluate @model --text @six.jsonl --context 4 --max-tokens 4"));
    }

    @Test
    void generateWritesUntilTheContextIsFullAndSaysSo() {
        Lowbit run = run("generate @model --prompt w3");
        assertThat(run.code()).isZero();
        assertThat(run.err()).isEqualTo("the model's context of 16 tokens is full\n");
        assertThat(run.out().strip().split("\\s+")).hasSize(15);
        JsonNode json = json("generate @model --prompt w3 --max-tokens 3");
        assertThat(json.get("stopped").asString()).isEqualTo("max-tokens");
        assertThat(json.get("promptTokens").asInt()).isEqualTo(2);
        assertThat(json.get("tokens").asInt()).isEqualTo(3);
        assertThat(run.out()).startsWith(json.get("text").asString());
    }

    @Test
    void anEmptyPromptIsTheBeginningAlone() {
        Lowbit run = Lowbit.run("generate", fixture.resolve("model"), "--prompt", "", "--json", "--quiet");
        assertThat(run.code()).isZero();
        assertThat(run.out()).contains("\"promptTokens\" : 1");
    }
}
