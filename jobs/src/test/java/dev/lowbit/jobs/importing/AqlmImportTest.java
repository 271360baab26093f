package dev.lowbit.jobs.importing;

import static dev.lowbit.jobs.Tensors.raw;
import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.jobs.AdditiveModels;
import dev.lowbit.jobs.Lowbit;
import dev.lowbit.jobs.SampleModels;
import dev.lowbit.jobs.Tensors;
import dev.lowbit.jobs.export.PlainAqlm;
import dev.lowbit.jobs.export.PlainGptq;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Exports are read back to the same bits; what is not an AQLM model is refused without a trace. */
class AqlmImportTest extends ExchangeRuns {
    private static final String SIZES =
            "\"in_group_size\": 8, \"out_group_size\": 1, \"num_codebooks\": 2, \"nbits_per_codebook\": 4";

    @ParameterizedTest
    @ValueSource(
            strings = {
                "aq1x1-g8-row-f16",
                "aq3x4-g4-row-f16",
                "aq2x7-g8o2-row-f16",
                "aq2x8-g8-row-f16",
                "aq2x9-g4o2-row-f16",
                "aq1x12-g8-row-f16"
            })
    void whatWasExportedComesBack(String format) throws IOException {
        Path source = SampleModels.evenLlama(folder.resolve("source"));
        Path model = AdditiveModels.write(source, folder.resolve("compressed"), format);
        Path aqlm = exported(model, "aqlm", "aqlm");
        Path back = imported(aqlm, "back");
        assertThat(lowbit("verify", back).out()).contains("good");
        JsonNode inspected =
                JsonMapper.shared().readTree(lowbit("inspect", back, "--json").out());
        assertThat(inspected.get("method").asString()).isEqualTo("aqlm-import");
        assertThat(inspected.has("relativeError")).isFalse();
        try (CompressedModel before = CompressedModel.open(model);
                CompressedModel after = CompressedModel.open(back);
                Checkpoint original = Checkpoint.open(source)) {
            assertThat(after.names()).isEqualTo(before.names());
            assertThat(after.manifest().job().options()).containsKey("aqlm.bitsPerCodebook");
            for (String name : before.names()) {
                assertThat(after.entry(name).format()).isEqualTo(format);
                assertThat(PlainGptq.bits(after.matrix(name))).as(name).isEqualTo(PlainGptq.bits(before.matrix(name)));
                for (int i = 0; i < 3; i++) {
                    assertThat(after.matrix(name)
                                    .parts()
                                    .get(i)
                                    .bytes()
                                    .mismatch(before.matrix(name).parts().get(i).bytes()))
                            .isNegative();
                }
            }
            for (String name : original.names()) {
                if (!before.names().contains(name)) {
                    assertThat(raw(after.checkpointOfOthers(), name)).isEqualTo(raw(original, name));
                }
            }
        }
        Tensors.requireSame(aqlm, exported(back, "aqlm", "again"));
        Path dense = exported(back, "safetensors", "dense");
        assertThat(dense.resolve("config.json")).hasSameBinaryContentAs(source.resolve("config.json"));
    }

    /** The largest codebooks, in one layer of two rows of tiles. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void sixteenBits(int outGroup) throws IOException {
        Model model = new Model();
        model.config = config(SIZES.replace("_codebook\": 4", "_codebook\": 16")
                .replace("\"num_codebooks\": 2", "\"num_codebooks\": 3")
                .replace("out_group_size\": 1", "out_group_size\": " + outGroup));
        short[] codes = new short[2 * 2 * 3];
        for (int i = 0; i < codes.length; i++) {
            codes[i] = (short) (i * 9001 + 17);
        }
        model.put("a.codes", DType.I16, MemorySegment.ofArray(codes), 2, 2, 3);
        short[] words = new short[3 * 65536 * outGroup * 8];
        for (int i = 0; i < words.length; i++) {
            words[i] = Float.floatToFloat16((i * 31 + i / 65536) % 1021 / 64f - 8);
        }
        model.put("a.codebooks", DType.F16, MemorySegment.ofArray(words), 3, 65536, outGroup, 8);
        short[] scales = {Float.floatToFloat16(0.3f), 1};
        model.put("a.scales", DType.F16, MemorySegment.ofArray(scales), 2, 1, 1, 1);
        Path written = model.write();
        Path back = imported(written, "back");
        try (CompressedModel after = CompressedModel.open(back);
                Checkpoint before = Checkpoint.open(written)) {
            assertThat(after.entry("a.weight").format())
                    .isEqualTo("aq3x16-g8" + (outGroup == 1 ? "" : "o2") + "-row-f16");
            assertThat(PlainGptq.bits(after.matrix("a.weight"))).isEqualTo(PlainAqlm.decode(before, "a"));
        }
    }

    private static String config(String sizes) {
        return "{\"quantization_config\": {\"quant_method\": \"aqlm\", " + sizes + "}}";
    }

    /** A layer a of 4 x 16 in 2 codebooks of 4 bits, and what a test does to it. */
    private final class Model extends TensorFolder {
        String config = config(SIZES);

        Model() {
            put("a.codebooks", DType.F16, 2, 16, 1, 8);
            put("a.scales", DType.F16, 4, 1, 1, 1);
            put("a.codes", DType.I8, 4, 2, 2);
            put("a.bias", DType.F16, 4);
        }

        Path write() throws IOException {
            return write(folder.resolve("model"), "config.json", config);
        }
    }

    private void refused(Model model, int code, String... messages) throws IOException {
        Path written = model.write();
        Lowbit run = lowbit("import", written, "--out", folder.resolve("out"));
        assertThat(run.err()).contains(messages).hasLineCount(1);
        assertThat(run.code()).isEqualTo(code);
        try (Stream<Path> left = Files.list(folder)) {
            assertThat(left).containsExactly(written);
        }
    }

    @Test
    void theSmallModelOfTheseTestsIsGood() throws IOException {
        Path out = imported(new Model().write(), "out");
        assertThat(lowbit("verify", out).code()).isZero();
        try (CompressedModel model = CompressedModel.open(out)) {
            assertThat(model.entry("a.weight").format()).isEqualTo("aq2x4-g8-row-f16");
            assertThat(model.checkpointOfOthers().names()).contains("a.bias");
        }
    }

    /** The layout has one orientation; the source's comes back. */
    @Test
    void inputMajorNames() throws IOException {
        Model model = new Model();
        List.copyOf(model.entries.keySet()).forEach(name -> {
            model.put(
                    "h.0.attn.c_attn" + name.substring(1),
                    model.entries.get(name).type(),
                    shape(model, name));
            model.remove(name);
        });
        Path back = imported(model.write(), "back");
        try (Checkpoint dense = Checkpoint.open(exported(back, "safetensors", "dense"))) {
            assertThat(dense.info("h.0.attn.c_attn.weight").shape()).containsExactly(16L, 4L);
        }
    }

    private static long[] shape(Model model, String name) {
        return model.entries.get(name).shape().stream()
                .mapToLong(Long::longValue)
                .toArray();
    }

    @ParameterizedTest
    @CsvSource({"a.codes, a.codebooks", "a.codebooks, a.scales", "a.scales, a.codebooks"})
    void aMissingTensor(String name, String known) throws IOException {
        Model model = new Model();
        model.remove(name);
        refused(model, 3, "tensor " + known + " stands there without " + name);
    }

    @Test
    void noLayer() throws IOException {
        Model model = new Model();
        List.of("a.codes", "a.codebooks", "a.scales").forEach(model::remove);
        refused(model, 3, "<layer>.codes");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "a.codes | I8 | 4 4 | outputs / 1 x inputs / 8 x 2",
                "a.codes | I8 | 0 2 2 | outputs / 1 x inputs / 8 x 2",
                "a.codes | I8 | 4 2 3 | need I8[4, 2, 2]",
                "a.codes | I16 | 4 2 2 | need I8[4, 2, 2]",
                "a.codes | U8 | 4 2 2 | need I8[4, 2, 2]",
                "a.codes | I8 | 5 2 2 | 5 x 16 weights need F16[5, 1, 1, 1]",
                "a.codebooks | F16 | 2 16 8 | need F16[2, 16, 1, 8]",
                "a.codebooks | F16 | 2 16 8 1 | need F16[2, 16, 1, 8]",
                "a.codebooks | F16 | 2 256 1 8 | need F16[2, 16, 1, 8]",
                "a.codebooks | F32 | 2 16 1 8 | need F16[2, 16, 1, 8]",
                "a.scales | F16 | 4 | need F16[4, 1, 1, 1]",
                "a.scales | F16 | 4 2 1 1 | need F16[4, 1, 1, 1]",
                "a.scales | F32 | 4 1 1 1 | need F16[4, 1, 1, 1]"
            })
    void anotherShape(String name, DType type, String shape, String message) throws IOException {
        Model model = new Model();
        model.put(
                name,
                type,
                Arrays.stream(shape.split(" ")).mapToLong(Long::parseLong).toArray());
        refused(model, 3, message);
    }

    @Test
    void aCodeOfNoCodeword() throws IOException {
        Model model = new Model();
        byte[] codes = new byte[16];
        codes[11] = 16;
        model.put("a.codes", DType.I8, MemorySegment.ofArray(codes), 4, 2, 2);
        refused(model, 3, "model.safetensors", "a: part codes holds 16 at index 11; codes of 4 bits are -8 to 15");
    }

    @ParameterizedTest
    @CsvSource({
        "scales, 2, 0x7e00, 3, part scales holds NaN at index 2",
        "codebooks, 200, 0x7c00, 3, part codebooks holds Infinity at index 200",
        "scales, 1, 0xbc00, 4, the scale -1.0 at index 1 is negative"
    })
    void impossibleValues(String part, int index, String half, int code, String message) throws IOException {
        Model model = new Model();
        String name = "a." + part;
        short[] values = new short[(int) model.entries.get(name).bytes() / 2];
        values[index] = Integer.decode(half).shortValue();
        model.put(name, DType.F16, MemorySegment.ofArray(values), shape(model, name));
        refused(model, code, "a: " + message);
    }

    @Test
    void bfloatsAreTakenWhereHalfFloatsHaveThem() throws IOException {
        Model model = new Model();
        short[] ones = new short[4];
        Arrays.fill(ones, (short) 0x3f80);
        model.put("a.scales", DType.BF16, MemorySegment.ofArray(ones), 4, 1, 1, 1);
        Path out = imported(model.write(), "out");
        try (CompressedModel read = CompressedModel.open(out)) {
            assertThat(read.matrix("a.weight").parts().get(1).bytes().toArray(ValueLayout.JAVA_SHORT))
                    .containsOnly(Float.floatToFloat16(1));
        }
    }

    @Test
    void bfloatsBeyondHalfFloats() throws IOException {
        Model model = new Model();
        short[] values = new short[256];
        values[7] = 0x0d80;
        model.put("a.codebooks", DType.BF16, MemorySegment.ofArray(values), 2, 16, 1, 8);
        refused(model, 4, "a: codebooks is BF16 and holds", "at index 7");
    }

    @Test
    void bothForms() throws IOException {
        Model model = new Model();
        model.put("a.weight", DType.F16, 4, 16);
        refused(model, 3, "a.weight", "either");
    }

    @Test
    void aLayerThatIsSaidToBeDense() throws IOException {
        Model model = new Model();
        model.config = config(SIZES + ", \"linear_weights_not_to_quantize\": [\"b.weight\", \"a.weight\"]");
        refused(model, 3, "a.codes", "lists a.weight as not quantized");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "3 | in_group_size\": 8 | x\": 8 | in_group_size is missing",
                "3 | out_group_size\": 1 | x\": 1 | out_group_size is missing",
                "3 | num_codebooks\": 2 | x\": 2 | num_codebooks is missing",
                "3 | codebook\": 4 | x\": 4 | nbits_per_codebook is missing",
                "3 | codebook\": 4 | codebook\": 4.0 | nbits_per_codebook is no integer",
                "3 | codebook\": 4 | codebook\": 0 | nbits_per_codebook is 0",
                "3 | in_group_size\": 8 | in_group_size\": -8 | in_group_size is -8",
                "3 | in_group_size\": 8 | in_group_size\": 4294967304 | in_group_size is 4294967304",
                "3 | codebook\": 4 | codebook\": 4, \"linear_weights_not_to_quantize\": \"b\" | no list of strings",
                "3 | codebook\": 4 | codebook\": 4, \"linear_weights_not_to_quantize\": [1] | no list of strings",
                "4 | codebook\": 4 | codebook\": 17 | 1 to 16 bits of a code, got 17",
                "4 | num_codebooks\": 2 | num_codebooks\": 9 | 1 to 8 codebooks, got 9",
                "4 | in_group_size\": 8 | in_group_size\": 128 | 1 to 64 columns of a tile, got 128",
                "4 | \"aqlm\" | \"awq\" | quant_method is awq; gptq and aqlm can be imported"
            })
    void configurations(int code, String what, String instead, String message) throws IOException {
        Model model = new Model();
        assertThat(model.config).contains(what);
        model.config = model.config.replace(what, instead);
        refused(model, code, "config.json", message);
    }
}
