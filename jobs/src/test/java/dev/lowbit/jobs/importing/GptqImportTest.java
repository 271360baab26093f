package dev.lowbit.jobs.importing;

import static dev.lowbit.jobs.Tensors.raw;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.jobs.ExitCodes;
import dev.lowbit.jobs.Lowbit;
import dev.lowbit.jobs.ProgressListener;
import dev.lowbit.jobs.SampleModels;
import dev.lowbit.jobs.Tensors;
import dev.lowbit.jobs.export.PlainGptq;
import dev.lowbit.kernel.Workers;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Exports are read back to the same bits; what is not a GPTQ model is refused without a trace. */
class GptqImportTest extends ExchangeRuns {
    @ParameterizedTest
    @CsvSource({
        "llama, affine2-row-f16, gptq-v2, affine2-row-f16",
        "llama, affine2-g16-f16-sym, gptq, affine2-g16-f16-sym",
        "llama, affine3-g40-f16, gptq-v2, affine3-g40-f16",
        "llama, affine4-g32-f16+r2-nf8, gptq, affine4-g32-f16",
        "gpt2, affine8-row-f16, gptq, affine8-row-f16",
        "gpt2, affine4-g64-f16-sym, gptq-v2, affine4-g64-f16-sym"
    })
    void whatWasExportedComesBack(String kind, String format, String to, String expected) throws IOException {
        Path source = folder.resolve("source");
        Path model = SampleModels.affine(
                kind.equals("llama") ? SampleModels.evenLlama(source) : SampleModels.gpt2(source, 64, 192),
                folder.resolve("compressed"),
                format);
        Path gptq = exported(model, to, "gptq");
        Path back = imported(gptq, "back");
        assertThat(lowbit("verify", back).out()).contains("good");
        JsonNode inspected =
                JsonMapper.shared().readTree(lowbit("inspect", back, "--json").out());
        assertThat(inspected.get("method").asString()).isEqualTo("gptq-import");
        assertThat(inspected.has("relativeError")).isFalse();
        try (CompressedModel before = CompressedModel.open(model);
                CompressedModel after = CompressedModel.open(back);
                Checkpoint original = Checkpoint.open(source)) {
            assertThat(after.names()).isEqualTo(before.names());
            for (String name : before.names()) {
                assertThat(after.entry(name).format()).isEqualTo(expected);
                assertThat(after.entry(name).method()).isEqualTo("gptq-import");
                assertThat(after.entry(name).transposed())
                        .isEqualTo(before.entry(name).transposed());
                assertThat(PlainGptq.bits(after.matrix(name)))
                        .as(name)
                        .isEqualTo(PlainGptq.bits(PlainGptq.base(before.matrix(name))));
            }
            for (String name : original.names()) {
                if (!before.names().contains(name)) {
                    assertThat(raw(after.checkpointOfOthers(), name)).isEqualTo(raw(original, name));
                }
            }
            assertThat(after.manifest().files()).noneMatch(file -> file.name().equals("quantize_config.json"));
        }
        Tensors.requireSame(gptq, exported(back, to, "again"));
        // what others would have read from the first export, in the source's names and orientation
        Path dense = exported(back, "safetensors", "dense");
        if (kind.equals("llama")) {
            assertThat(dense.resolve("config.json")).hasSameBinaryContentAs(source.resolve("config.json"));
        }
    }

    @Test
    void theModelPredictsAsBefore() throws IOException {
        Path source = SampleModels.evenLlama(folder.resolve("source"));
        Path model = SampleModels.affine(source, folder.resolve("compressed"), "affine4-g32-f16");
        Path back = imported(exported(model, "gptq", "gptq"), "back");
        Path ids = folder.resolve("ids.safetensors");
        List<SafetensorsWriter.Entry> entries = List.of(new SafetensorsWriter.Entry("ids", DType.I32, List.of(2L, 4L)));
        try (SafetensorsWriter writer = SafetensorsWriter.create(ids, Map.of(), entries)) {
            writer.write(MemorySegment.ofArray(new int[] {1, 2, 3, 4, 1, 9, 8, 7}));
            writer.finish();
        }
        JsonNode[] results = new JsonNode[2];
        for (int i = 0; i < 2; i++) {
            Lowbit run = lowbit("evaluate", i == 0 ? model : back, "--ids", ids, "--json");
            assertThat(run.code()).as(run.err()).isZero();
            results[i] = JsonMapper.shared().readTree(run.out());
        }
        assertThat(results[1].get("nll")).isEqualTo(results[0].get("nll"));
        assertThat(results[1].get("bytes")).isEqualTo(results[0].get("bytes"));
    }

    /** A group order of its own (act-order) is kept; the next export has it, and says so. */
    @Test
    void inputsInAnotherOrder() throws IOException {
        Path source = SampleModels.gpt2(folder.resolve("source"), 64, 192);
        Path model = SampleModels.affine(source, folder.resolve("compressed"), "affine4-g32-f16");
        Path gptq = exported(model, "gptq", "gptq");
        String layer = "h.1.attn.c_attn";
        try (Checkpoint checkpoint = Checkpoint.open(gptq)) {
            TensorInfo index = checkpoint.info(layer + ".g_idx");
            try (RandomAccessFile file = new RandomAccessFile(index.file().toFile(), "rw")) {
                file.seek(index.offsetBytes());
                for (int j = 0; j < 64; j++) {
                    file.writeInt(Integer.reverseBytes(j % 2));
                }
            }
        }
        Path back = imported(gptq, "back");
        try (CompressedModel after = CompressedModel.open(back);
                Checkpoint exported = Checkpoint.open(gptq)) {
            assertThat(after.entry(layer + ".weight").format()).isEqualTo("affine4-g32-f16-gidx");
            assertThat(after.entry("h.0.attn.c_attn.weight").format()).isEqualTo("affine4-g32-f16");
            assertThat(PlainGptq.requireSame(after, exported, 4, false)).isEqualTo(4);
        }
        Path again = exported(back, "gptq-v2", "again");
        try (CompressedModel after = CompressedModel.open(back);
                Checkpoint exported = Checkpoint.open(again)) {
            assertThat(PlainGptq.requireSame(after, exported, 4, true)).isEqualTo(4);
        }
        assertThat(JsonMapper.shared()
                        .readTree(Files.readAllBytes(again.resolve("quantize_config.json")))
                        .get("desc_act")
                        .asBoolean())
                .isTrue();
    }

    /** A layer a of 32 x 64 in groups of 32, and what a test does to it. */
    private final class Model extends TensorFolder {
        String config = "{\"bits\": 4, \"group_size\": 32}";

        Model() {
            put("a.qweight", DType.I32, 8, 32);
            put("a.qzeros", DType.I32, 2, 4);
            put("a.g_idx", DType.I32, 64);
            put("a.scales", DType.F16, 2, 32);
        }

        Path write() throws IOException {
            return write(folder.resolve("model"), "quantize_config.json", config);
        }
    }

    private void refused(Model model, int code, String... messages) throws IOException {
        refused(model.write(), code, messages);
    }

    private void refused(Path model, int code, String... messages) throws IOException {
        Lowbit run = lowbit("import", model, "--out", folder.resolve("out"));
        assertThat(run.err()).contains(messages).hasLineCount(1);
        assertThat(run.code()).isEqualTo(code);
        try (Stream<Path> left = Files.list(folder)) {
            assertThat(left).containsExactly(model);
        }
    }

    @Test
    void theSmallModelOfTheseTestsIsGood() throws IOException {
        Path out = imported(new Model().write(), "out");
        assertThat(lowbit("verify", out).code()).isZero();
        Lowbit second = lowbit("import", folder.resolve("model"), "--out", out);
        assertThat(second.code()).isEqualTo(5);
        assertThat(second.err()).contains("exists");
        Lowbit inside = lowbit("import", folder.resolve("model"), "--out", folder.resolve("model/in"));
        assertThat(inside.code()).isEqualTo(5);
    }

    /** A layer's tensors may lie in several files, one of which has nothing else. */
    @Test
    void shards() throws IOException {
        Model model = new Model();
        short[] halves = new short[64];
        java.util.Arrays.fill(halves, Float.floatToFloat16(0.5f));
        model.put("a.scales", DType.F16, MemorySegment.ofArray(halves), 2, 32);
        Path whole = imported(model.write(), "whole");
        Path folded = Files.createDirectory(folder.resolve("shards"));
        StringBuilder index = new StringBuilder("{\"weight_map\": {");
        for (String name : List.of("a.scales", "a.qweight")) {
            String file = name + ".safetensors";
            List<SafetensorsWriter.Entry> entries = model.entries.values().stream()
                    .filter(entry -> entry.name().equals("a.scales") == name.equals("a.scales"))
                    .toList();
            try (SafetensorsWriter writer = SafetensorsWriter.create(folded.resolve(file), Map.of(), entries)) {
                entries.forEach(entry -> writer.write(model.data.get(entry.name())));
                writer.finish();
            }
            entries.forEach(entry -> index.append("\"%s\": \"%s\",".formatted(entry.name(), file)));
        }
        index.setCharAt(index.length() - 1, '}');
        Files.writeString(folded.resolve("model.safetensors.index.json"), index.append('}'));
        Files.writeString(folded.resolve("quantize_config.json"), model.config);
        Path out = imported(folded, "out");
        assertThat(lowbit("verify", out).out()).contains("good");
        try (CompressedModel one = CompressedModel.open(whole);
                CompressedModel other = CompressedModel.open(out)) {
            assertThat(PlainGptq.bits(other.matrix("a.weight"))).isEqualTo(PlainGptq.bits(one.matrix("a.weight")));
        }
        Tensors.requireSame(exported(whole, "gptq", "one"), exported(out, "gptq", "other"));
    }

    /** What was finished stays, and the bytes are those of a run in one go. */
    @Test
    void aStoppedImportGoesOn() throws IOException {
        Path source = SampleModels.evenLlama(folder.resolve("source"));
        Path model = SampleModels.affine(source, folder.resolve("compressed"), "affine4-g32-f16-sym");
        Path gptq = exported(model, "gptq", "gptq");
        Path out = folder.resolve("out");
        assertThatThrownBy(() -> ImportJob.run(gptq, out, Workers.serial(), new Stopping(3)))
                .isInstanceOf(CancellationException.class);
        assertThat(out).doesNotExist();
        assertThat(folder.resolve("out.partial")).exists();
        ImportJob.run(gptq, out, Workers.serial(), new Stopping(Integer.MAX_VALUE));
        assertThat(folder.resolve("out.partial")).doesNotExist();
        Path once = imported(gptq, "once");
        try (Stream<Path> files = Files.list(once)) {
            for (Path file : files.toList()) {
                assertThat(out.resolve(file.getFileName())).hasSameBinaryContentAs(file);
            }
        }
    }

    /** An input, or anything else, that is named like the work directory of the output stays as it is. */
    @Test
    void whatNoImportMadeIsNotRemoved() throws IOException {
        Path source = SampleModels.evenLlama(folder.resolve("source"));
        Path model = SampleModels.affine(source, folder.resolve("compressed"), "affine4-g32-f16-sym");
        Path gptq = exported(model, "gptq", "out.partial");
        Path note = Files.writeString(gptq.resolve("NOTES.txt"), "precious");
        Path out = folder.resolve("out");
        refused(lowbit("import", gptq, "--out", out), "move the input");
        assertThat(note).exists();
        Path moved = Files.move(gptq, folder.resolve("gptq"));
        Files.createDirectory(gptq);
        Files.writeString(note, "precious");
        refused(lowbit("import", moved, "--out", out), "not of a stopped job");
        assertThat(gptq.toFile().list()).containsExactly("NOTES.txt");
    }

    /** Neither a directory behind a link nor a link to nothing is replaced, and no work is done before that is said. */
    @Test
    void aLinkIsNoFreeOutput() throws IOException {
        Path source = SampleModels.evenLlama(folder.resolve("source"));
        Path model = SampleModels.affine(source, folder.resolve("compressed"), "affine4-g32-f16-sym");
        Path gptq = exported(model, "gptq", "gptq");
        Path empty = Files.createDirectory(folder.resolve("empty"));
        for (Path aim : List.of(empty, folder.resolve("nowhere"))) {
            Path link = Files.createSymbolicLink(folder.resolve("to-" + aim.getFileName()), aim);
            refused(lowbit("export", model, "--to", "gptq", "--out", link), "exists");
            refused(lowbit("import", gptq, "--out", link), "exists; choose another");
            assertThat(link).isSymbolicLink();
        }
    }

    private static void refused(Lowbit run, String why) {
        assertThat(run.code()).as(run.err()).isEqualTo(ExitCodes.IMPOSSIBLE);
        assertThat(run.err().lines()).hasSize(1);
        assertThat(run.err()).contains(why);
    }

    /** Stops a job after so many steps. */
    private static final class Stopping implements ProgressListener {
        private int left;

        Stopping(int steps) {
            this.left = steps;
        }

        @Override
        public Stage stage(String name, long total, String unit) {
            return new Stage() {
                @Override
                public void advance(long done) {
                    if (left-- == 0) {
                        throw new CancellationException("stopped");
                    }
                }

                @Override
                public void close() {}
            };
        }

        @Override
        public void note(String line) {}
    }

    @ParameterizedTest
    @CsvSource({"a.qzeros", "a.g_idx", "a.scales"})
    void aMissingTensor(String name) throws IOException {
        Model model = new Model();
        model.remove(name);
        refused(model, 3, "a.qweight", "without " + name);
    }

    @Test
    void noLayer() throws IOException {
        Model model = new Model();
        model.remove("a.qweight");
        refused(model, 3, "<layer>.qweight");
    }

    @ParameterizedTest
    @CsvSource({
        "a.qweight, I32, 9, 32, a.qweight is I32[9",
        "a.qweight, I32, 12, 32, a.qzeros is I32[2",
        "a.qweight, I32, 8, 33, multiples of 32",
        "a.qweight, F32, 8, 32, a.qweight is F32",
        "a.qzeros, I32, 2, 5, needs I32",
        "a.qzeros, I32, 3, 4, need I32[2",
        "a.scales, F16, 2, 31, a.scales is F16",
        "a.scales, BF16, 2, 32, need F16",
        "a.g_idx, I32, 1, 64, a.g_idx is I32"
    })
    void anotherShape(String name, DType type, long first, long second, String message) throws IOException {
        Model model = new Model();
        model.put(name, type, first, second);
        refused(model, 3, message.startsWith("need") ? name : message);
    }

    @Test
    void impossibleValues() throws IOException {
        Model model = new Model();
        int[] groups = new int[64];
        groups[63] = 2;
        model.put("a.g_idx", DType.I32, MemorySegment.ofArray(groups), 64);
        refused(model, 3, "model.safetensors", "a: part g_idx holds 2 at index 63");
    }

    @Test
    void aScaleThatIsNoNumber() throws IOException {
        Model model = new Model();
        short[] scales = new short[64];
        scales[40] = Float.floatToFloat16(Float.NaN);
        model.put("a.scales", DType.F16, MemorySegment.ofArray(scales), 2, 32);
        refused(model, 3, "a: part scales holds NaN for output 8, group 1");
    }

    @Test
    void bothForms() throws IOException {
        Model model = new Model();
        model.put("a.weight", DType.F16, MemorySegment.ofArray(new short[4]), 2, 2);
        refused(model, 3, "a.weight", "either");
    }

    /** A field of 15 is the zero point 16, and all codes are 0. */
    @Test
    void aZeroPointThatWeDoNotHave() throws IOException {
        Model model = new Model();
        model.put("a.qzeros", DType.I32, MemorySegment.ofArray(new int[] {-1, 0, 0, 0, 0, 0, 0, 0}), 2, 4);
        refused(model, 4, "a: 8 of 64 groups have the zero point 16 and the code 0");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '!',
            value = {
                "3 | {\"group_size\": 32} | bits is missing",
                "3 | {\"bits\": 4} | group_size is missing",
                "3 | {\"bits\": \"4\", \"group_size\": 32} | bits is no integer",
                "3 | {\"bits\": 4, \"group_size\": 0} | group_size is 0",
                "3 | {\"bits\": 4, \"group_size\": 4294967328} | group_size is 4294967328",
                "3 | {\"bits\": 4, \"group_size\": 32, \"checkpoint_format\": 2} | checkpoint_format is no string",
                "3 | {\"bits\": 4, \"group_size\": 32, \"dynamic\": []} | dynamic is no object",
                "3 | {\"bits\": 4, | quantize_config.json",
                "4 | {\"bits\": 5, \"group_size\": 32} | bits is 5",
                "4 | {\"bits\": 4, \"group_size\": 32, \"checkpoint_format\": \"marlin\"} | marlin",
                "4 | {\"bits\": 4, \"group_size\": 32, \"quant_method\": \"awq\"} | quant_method is awq",
                "4 | {\"bits\": 4, \"group_size\": 32, \"pack_dtype\": \"int64\"} | pack_dtype",
                "4 | {\"bits\": 4, \"group_size\": 32, \"dynamic\": {\"x\": {\"bits\": 8}}} | dynamic gives x"
            })
    void configurations(int code, String config, String message) throws IOException {
        Model model = new Model();
        model.config = config;
        refused(model, code, message);
    }

    @Test
    void aModelInFloats() throws IOException {
        refused(SampleModels.gpt2(folder.resolve("model")), 4, "quantize_config.json", "quantized with GPTQ");
    }
}
