package dev.lowbit.jobs.export;

import static dev.lowbit.jobs.Tensors.raw;
import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.importance.Importance;
import dev.lowbit.jobs.Lowbit;
import dev.lowbit.jobs.SampleModels;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.affine.AffineFormat;
import dev.lowbit.matrix.affine.AffineQuantizer;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.store.CompressionJob;
import dev.lowbit.store.MatrixChoice;
import dev.lowbit.store.ModelLayout;
import dev.lowbit.store.ModelWriter;
import dev.lowbit.store.WorkDirectory;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Unpacks exports bit by bit and compares them with the compressed model. */
class GptqExportTest {
    @TempDir
    private Path folder;

    private Lowbit export(Path model, String to, Object... options) {
        List<Object> command =
                new ArrayList<>(List.of("export", model, "--to", to, "--out", folder.resolve("gptq"), "--quiet"));
        command.addAll(List.of(options));
        return Lowbit.run(command.toArray());
    }

    private static JsonNode json(Path file) throws IOException {
        return JsonMapper.shared().readTree(Files.readAllBytes(file));
    }

    /** Two bits asymmetric have groups with z = 0 and the largest code, which only gptq-v2 takes. */
    @ParameterizedTest
    @CsvSource({
        "affine2-g32-f16, gptq-v2, 2, 32, false",
        "affine2-g16-f16-sym, gptq, 2, 16, true",
        "affine3-row-f16, gptq-v2, 3, -1, false",
        "affine3-g32-f16-sym, gptq, 3, 32, true",
        "affine4-g32-f16, gptq, 4, 32, false",
        "affine4-g128-f16, gptq-v2, 4, 128, false",
        "affine4-g40-f16-sym, gptq-v2, 4, 40, true",
        "affine8-row-f16, gptq, 8, -1, false",
        "affine4-g64-f16+r3-f16, gptq, 4, 64, false"
    })
    void everyNumberIsTheModels(String format, String to, int bits, int group, boolean symmetric) throws IOException {
        Path source = SampleModels.evenLlama(folder.resolve("source"));
        Path compressed = SampleModels.affine(source, folder.resolve("compressed"), format);
        Lowbit run = export(compressed, to);
        assertThat(run.code()).as(run.err()).isZero();
        Path out = folder.resolve("gptq");
        boolean v2 = to.equals("gptq-v2");
        try (CompressedModel model = CompressedModel.open(compressed);
                Checkpoint original = Checkpoint.open(source);
                Checkpoint exported = Checkpoint.open(out)) {
            assertThat(PlainGptq.requireSame(model, exported, bits, v2)).isEqualTo(14);
            List<String> others = new ArrayList<>(original.names());
            others.removeAll(model.names());
            assertThat(exported.names()).hasSize(others.size() + 4 * 14).containsAll(others);
            for (String name : others) {
                assertThat(raw(exported, name)).isEqualTo(raw(original, name));
            }
            assertThat(exported.files()).hasSameSizeAs(original.files());
        }
        JsonNode config = json(out.resolve("quantize_config.json"));
        assertThat(config.get("quant_method").asString()).isEqualTo("gptq");
        assertThat(config.get("bits").asInt()).isEqualTo(bits);
        assertThat(config.get("group_size").asInt()).isEqualTo(group);
        assertThat(config.get("sym").asBoolean()).isEqualTo(symmetric);
        assertThat(config.get("desc_act").asBoolean()).isFalse();
        assertThat(config.get("lm_head").asBoolean()).isFalse();
        assertThat(config.get("damp_percent").asDouble()).isEqualTo(0.01);
        assertThat(config.get("checkpoint_format").asString()).isEqualTo(v2 ? "gptq_v2" : "gptq");
        assertThat(config.has("dynamic")).isFalse();
        JsonNode whole = json(out.resolve("config.json"));
        assertThat(whole.get("quantization_config")).isEqualTo(config);
        assertThat(whole.get("hidden_size").asInt()).isEqualTo(64);
        assertThat(out.resolve("lowbit.json")).doesNotExist();
        assertThat(Files.exists(out.resolve("adapter"))).isEqualTo(format.contains("+r"));
    }

    /** The adapter is that of --to peft, for this directory as its base. */
    @Test
    void aCorrectionIsAnAdapter() throws IOException {
        Path source = SampleModels.evenLlama(folder.resolve("source"));
        Path compressed = SampleModels.affine(source, folder.resolve("compressed"), "affine4-g32-f16+r2-nf8");
        Lowbit run = export(compressed, "gptq-v2", "--json");
        assertThat(run.code()).as(run.err()).isZero();
        JsonNode result = JsonMapper.shared().readTree(run.out());
        assertThat(result.get("format").asString()).isEqualTo("gptq-v2");
        assertThat(result.get("adapterMatrices").asInt()).isEqualTo(14);
        assertThat(result.has("dtype")).isFalse();
        Path peft = folder.resolve("peft");
        assertThat(Lowbit.run("export", compressed, "--to", "peft", "--out", peft, "--quiet")
                        .code())
                .isZero();
        Path adapter = folder.resolve("gptq").resolve("adapter");
        assertThat(json(adapter.resolve("adapter_config.json"))
                        .get("base_model_name_or_path")
                        .asString())
                .isEqualTo("..");
        String file = "adapter_model.safetensors";
        try (Checkpoint base = Checkpoint.open(folder.resolve("gptq"));
                Checkpoint ours = Checkpoint.open(adapter.resolve(file));
                Checkpoint theirs = Checkpoint.open(peft.resolve("adapter").resolve(file))) {
            assertThat(ours.names()).hasSize(28).isEqualTo(theirs.names());
            ours.names().forEach(name -> assertThat(raw(ours, name)).isEqualTo(raw(theirs, name)));
            String pair = ours.metadata(ours.files().getFirst()).get(Exporter.PAIR);
            assertThat(pair).hasSize(64);
            base.files()
                    .forEach(weights -> assertThat(base.metadata(weights).get(Exporter.PAIR))
                            .isEqualTo(pair));
        }
    }

    /** The layout has one orientation, whatever the source's; what has no config.json gets none. */
    @Test
    void inputMajorSourcesAreOutputsByInputs() throws IOException {
        Path source = SampleModels.gpt2(folder.resolve("source"), 64, 192);
        Path compressed = SampleModels.affine(source, folder.resolve("compressed"), "affine4-g32-f16");
        Lowbit run = export(compressed, "gptq");
        assertThat(run.code()).as(run.err()).isZero();
        try (CompressedModel model = CompressedModel.open(compressed);
                Checkpoint exported = Checkpoint.open(folder.resolve("gptq"))) {
            assertThat(model.manifest().matrices()).allMatch(entry -> entry.transposed());
            assertThat(PlainGptq.requireSame(model, exported, 4, false)).isEqualTo(4);
            assertThat(exported.names()).contains("h.0.attn.c_attn.bias");
        }
        assertThat(folder.resolve("gptq").resolve("config.json")).doesNotExist();
        assertThat(json(folder.resolve("gptq").resolve("quantize_config.json"))
                        .get("bits")
                        .asInt())
                .isEqualTo(4);
    }

    /** What stays in floats is excluded by name, or GPTQModel would look for its codes. */
    @Test
    void layersLeftInFloatsAreNamed() throws IOException {
        Path source = SampleModels.evenLlama(folder.resolve("source"));
        Path compressed = SampleModels.affine(
                source, folder.resolve("compressed"), "affine4-g32-f16", "--skip", "layers\\.1\\.mlp\\.up_proj");
        assertThat(export(compressed, "gptq").code()).isZero();
        JsonNode dynamic =
                json(folder.resolve("gptq").resolve("quantize_config.json")).get("dynamic");
        assertThat(dynamic.propertyNames()).containsExactly("-:^model\\.layers\\.1\\.mlp\\.up_proj$");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "affine4-g32-bf16 | gptq | scales in f16",
                "affine4-g32-s4x64-bf16 | gptq-v2 | --format affine4-g128-f16",
                "affine5-g32-f16 | gptq | 2, 3, 4 or 8 bits, not 5",
                "affine2-row-f16 | gptq | export --to gptq-v2"
            })
    void formatsThatTheLayoutDoesNotHave(String format, String to, String message) throws IOException {
        Path source = SampleModels.evenLlama(folder.resolve("source"));
        Path compressed = SampleModels.affine(source, folder.resolve("compressed"), format);
        refused(compressed, to, message);
    }

    /** Of one name in two files, a loader would take either. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void aTensorOfTheSourceMayHaveTheNameOfOneOfTheLayout(int files) throws IOException {
        Path source = Files.createDirectory(folder.resolve("source"));
        SafetensorsWriter.Entry weight = new SafetensorsWriter.Entry("a.weight", DType.F32, List.of(64L, 64L));
        SafetensorsWriter.Entry scales = new SafetensorsWriter.Entry("a.scales", DType.F32, List.of(64L));
        if (files == 1) {
            zeros(source.resolve("model.safetensors"), scales, weight);
        } else {
            zeros(source.resolve("1.safetensors"), weight);
            zeros(source.resolve("2.safetensors"), scales);
            Files.writeString(
                    source.resolve("model.safetensors.index.json"),
                    "{\"weight_map\": {\"a.weight\": \"1.safetensors\", \"a.scales\": \"2.safetensors\"}}");
        }
        Path compressed = SampleModels.affine(source, folder.resolve("compressed"), "affine4-g32-f16");
        for (String to : List.of("gptq", "gptq-v2")) {
            refused(
                    compressed,
                    to,
                    "two tensors a.scales",
                    "that of the model",
                    "one for a.weight",
                    "--to safetensors");
        }
        assertThat(export(compressed, "safetensors").code()).isZero();
    }

    private static void zeros(Path file, SafetensorsWriter.Entry... entries) {
        try (SafetensorsWriter writer = SafetensorsWriter.create(file, Map.of(), List.of(entries))) {
            for (SafetensorsWriter.Entry entry : entries) {
                writer.write(MemorySegment.ofArray(new byte[Math.toIntExact(entry.bytes())]));
            }
            writer.finish();
        }
    }

    private void refused(Path compressed, String to, String... messages) throws IOException {
        List<String> before = listing();
        Lowbit run = export(compressed, to);
        assertThat(run.code()).as(run.err()).isEqualTo(5);
        assertThat(run.err()).contains(messages).hasLineCount(1);
        assertThat(listing()).isEqualTo(before);
    }

    private List<String> listing() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(Path::toString).sorted().toList();
        }
    }

    @Test
    void otherRepresentationsEmbeddingsAndOddShapesAreRefused() throws IOException {
        Path odd = SampleModels.llama(folder.resolve("odd"));
        Path oddCompressed = SampleModels.affine(odd, folder.resolve("odd-compressed"), "affine4-g32-f16");
        refused(oddCompressed, "gptq", "multiples of 32", "--skip");
        Path blocks = SampleModels.compressed(odd, folder.resolve("blocks"), 0);
        refused(blocks, "gptq", "affine formats only", "--method int2-lrec");
        Path even = SampleModels.evenLlama(folder.resolve("even"));
        Path embedded = SampleModels.affine(even, folder.resolve("embedded"), "affine4-g32-f16", "--embeddings");
        refused(embedded, "gptq", "model.embed_tokens.weight", "without --embeddings");
        Path headed = SampleModels.affine(
                even, folder.resolve("headed"), "affine4-g32-f16", "--embeddings", "--skip", "embed_tokens");
        assertThat(export(headed, "gptq").code()).isZero();
        assertThat(json(folder.resolve("gptq").resolve("quantize_config.json"))
                        .get("lm_head")
                        .asBoolean())
                .isTrue();
    }

    @Test
    void aMixNamesTwoMatrices() throws IOException {
        Path source = SampleModels.gpt2(folder.resolve("source"), 64, 192);
        Path out = folder.resolve("mixed");
        String[] formats = {"affine4-g32-f16", "affine4-g32-f16", "affine4-g64-f16", "affine4-g32-f16-sym"};
        try (Checkpoint checkpoint = Checkpoint.open(source);
                WorkDirectory work = WorkDirectory.open(out, false)) {
            List<MatrixChoice> choices = new ArrayList<>();
            for (String name : checkpoint.names().stream()
                    .filter(name -> name.endsWith(".weight"))
                    .toList()) {
                choices.add(new MatrixChoice(name, true, "int2-lrec", formats[choices.size()], 0));
            }
            CompressionJob job = new CompressionJob("test", "int2-lrec", 0, 0, 0, 0, new TreeMap<>());
            try (ModelWriter writer = ModelWriter.open(ModelLayout.of(checkpoint, job, choices), work)) {
                for (MatrixChoice choice : choices) {
                    try (FloatMatrix weights = checkpoint.matrix(choice.name(), true)) {
                        AffineFormat format = (AffineFormat) MatrixFormats.parse(choice.format());
                        AffineQuantizer.Result result =
                                AffineQuantizer.quantize(weights, Importance.uniform(), format, Workers.serial());
                        writer.keep(choice.name(), result.matrix(), Optional.empty());
                    }
                }
                writer.finish();
            }
        }
        refused(
                out,
                "gptq",
                "h.0.attn.c_attn.weight is affine4-g32-f16 and h.1.attn.c_attn.weight is affine4-g64-f16",
                "compress --method int2-lrec --format affine4-g128-f16");
    }

    @Test
    void anElementTypeHasNoMeaning() {
        Path source = SampleModels.gpt2(folder.resolve("source"), 64, 192);
        Path compressed = SampleModels.affine(source, folder.resolve("compressed"), "affine4-g32-f16");
        Lowbit run = export(compressed, "gptq", "--dtype", "f16");
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.err()).contains("--dtype");
    }
}
