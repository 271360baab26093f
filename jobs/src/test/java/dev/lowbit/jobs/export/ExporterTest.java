package dev.lowbit.jobs.export;

import static dev.lowbit.jobs.Tensors.raw;
import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.jobs.Lowbit;
import dev.lowbit.jobs.SampleModels;
import dev.lowbit.kernel.Conversions;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.store.Manifest;
import dev.lowbit.store.MatrixEntry;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Reads exports back with nothing but the checkpoint reader and a JSON parser, and compares them with the compressed model. */
class ExporterTest {
    @TempDir
    private Path folder;

    private Path compressed(String kind, int minRank) {
        Path model = folder.resolve("source");
        return SampleModels.compressed(
                kind.equals("llama") ? SampleModels.llama(model) : SampleModels.gpt2(model),
                folder.resolve("compressed"),
                minRank);
    }

    private static float[] dequantized(CompressedModel model, String name) {
        QuantizedMatrix matrix = model.matrix(name);
        try (FloatMatrix out = FloatMatrix.allocate(matrix.rows(), matrix.columns())) {
            matrix.dequantize(0, out, Workers.serial());
            return out.toArray();
        }
    }

    @ParameterizedTest
    @CsvSource({"llama, f32", "llama, f16", "llama, bf16", "gpt2, f32", "gpt2, bf16"})
    void safetensorsHoldWhatTheModelDequantizesTo(String kind, String type) throws IOException {
        Path source = compressed(kind, 0);
        Path out = folder.resolve("export");
        Lowbit run = Lowbit.run("export", source, "--to", "safetensors", "--out", out, "--dtype", type, "--quiet");
        assertThat(run.code()).as(run.err()).isZero();
        DType dtype = DType.valueOf(type.toUpperCase(java.util.Locale.ROOT));
        try (CompressedModel model = CompressedModel.open(source);
                Checkpoint original = Checkpoint.open(folder.resolve("source"));
                Checkpoint exported = Checkpoint.open(out)) {
            assertThat(exported.names()).isEqualTo(original.names());
            assertThat(exported.warnings()).isEqualTo(original.warnings());
            assertThat(exported.files()).hasSameSizeAs(original.files());
            for (String name : original.names()) {
                TensorInfo info = exported.info(name);
                assertThat(info.shape()).isEqualTo(original.info(name).shape());
                if (!model.names().contains(name)) {
                    assertThat(raw(exported, name)).isEqualTo(raw(original, name));
                    continue;
                }
                assertThat(info.type()).isEqualTo(dtype);
                try (FloatMatrix read = exported.matrix(name, model.entry(name).transposed())) {
                    assertThat(read.toArray()).isEqualTo(rounded(dequantized(model, name), dtype));
                }
            }
            assertThat(original.config().isPresent()).isEqualTo(kind.equals("llama"));
            assertThat(exported.config().isPresent()).isEqualTo(kind.equals("llama"));
            if (kind.equals("llama")) {
                assertThat(out.resolve("config.json"))
                        .hasSameBinaryContentAs(folder.resolve("source").resolve("config.json"));
            }
        }
    }

    @Test
    void shardsInFoldersStayInThem() throws IOException {
        Path model = SampleModels.inFolders(SampleModels.llama(folder.resolve("source")));
        Path source = SampleModels.compressed(model, folder.resolve("compressed"), 1);
        Path out = folder.resolve("export");
        Path pair = folder.resolve("peft");
        for (Path to : List.of(out, pair)) {
            Lowbit run = Lowbit.run(
                    "export", source, "--to", to.equals(out) ? "safetensors" : "peft", "--out", to, "--quiet");
            assertThat(run.code()).as(run.err()).isZero();
        }
        for (Path exported : List.of(out, pair.resolve("base"))) {
            assertThat(places(exported)).isEqualTo(places(model)).hasSizeGreaterThan(1);
            assertThat(names(exported)).isEqualTo(names(model));
        }
    }

    /** The weight file of every tensor. */
    private static Map<String, String> places(Path model) {
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            Map<String, String> places = new TreeMap<>();
            checkpoint
                    .names()
                    .forEach(name -> places.put(
                            name, model.relativize(checkpoint.info(name).file()).toString()));
            return places;
        }
    }

    private static List<String> names(Path model) throws IOException {
        try (Stream<Path> files = Files.walk(model)) {
            return files.map(file -> model.relativize(file).toString()).sorted().toList();
        }
    }

    private static float[] rounded(float[] values, DType type) {
        MemorySegment narrow = MemorySegment.ofArray(new byte[values.length * type.bytes()]);
        MemorySegment wide = MemorySegment.ofArray(new float[values.length]);
        Conversions.get().narrow(type, MemorySegment.ofArray(values), 0, narrow, 0, values.length);
        Conversions.get().widen(type, narrow, 0, wide, 0, values.length);
        return wide.toArray(java.lang.foreign.ValueLayout.JAVA_FLOAT);
    }

    /** base + s B A = Ŵ, with s, r and names taken from adapter_config.json by the rules of PEFT. */
    @ParameterizedTest
    @ValueSource(strings = {"llama", "gpt2"})
    void peftPairAddsUpToTheModel(String kind) throws IOException {
        Path source = compressed(kind, 1);
        Path out = folder.resolve("peft");
        assertThat(Lowbit.run("export", source, "--to", "peft", "--out", out, "--quiet")
                        .code())
                .isZero();
        JsonNode config = JsonMapper.shared()
                .readTree(Files.readAllBytes(out.resolve("adapter").resolve("adapter_config.json")));
        assertThat(config.get("peft_type").asString()).isEqualTo("LORA");
        assertThat(config.get("fan_in_fan_out").asBoolean()).isEqualTo(kind.equals("gpt2"));
        int matrices = 0;
        try (CompressedModel model = CompressedModel.open(source);
                Checkpoint base = Checkpoint.open(out.resolve("base"));
                Checkpoint adapter = Checkpoint.open(out.resolve("adapter").resolve("adapter_model.safetensors"))) {
            for (MatrixEntry entry : model.manifest().matrices()) {
                String module = (kind.equals("gpt2") ? "transformer." : "")
                        + entry.name().substring(0, entry.name().length() - ".weight".length());
                if (entry.rank() == 0) {
                    assertThat(adapter.names()).noneMatch(name -> name.contains("." + module + "."));
                    continue;
                }
                matrices++;
                try (FloatMatrix q = base.matrix(entry.name(), entry.transposed());
                        FloatMatrix a = adapter.matrix("base_model.model." + module + ".lora_A.weight");
                        FloatMatrix b = adapter.matrix("base_model.model." + module + ".lora_B.weight")) {
                    int rank = pattern(config, "rank_pattern", "r", module);
                    assertThat(a.rows()).isEqualTo(rank);
                    assertThat(b.columns()).isEqualTo(rank);
                    double scaling = (double) pattern(config, "alpha_pattern", "lora_alpha", module) / rank;
                    requireSum(q, b, a, scaling, dequantized(model, entry.name()));
                }
                assertThat(config.get("target_modules").toString()).contains("\"" + module + "\"");
            }
            assertThat(matrices).isPositive();
            assertThat(config.get("target_modules")).hasSize(matrices);
            assertThat(adapter.names()).hasSize(2 * matrices);
            String pair = adapter.metadata(adapter.files().getFirst()).get(Exporter.PAIR);
            assertThat(pair).hasSize(64);
            assertThat(base.files())
                    .allSatisfy(file ->
                            assertThat(base.metadata(file).get(Exporter.PAIR)).isEqualTo(pair));
        }
    }

    private static int pattern(JsonNode config, String pattern, String general, String module) {
        JsonNode own = config.get(pattern).get(module);
        return own == null ? config.get(general).asInt() : own.asInt();
    }

    private static void requireSum(FloatMatrix q, FloatMatrix b, FloatMatrix a, double scaling, float[] expected) {
        for (int i = 0; i < q.rows(); i++) {
            for (int j = 0; j < q.columns(); j++) {
                double sum = q.get(i, j);
                double magnitude = Math.abs(sum);
                for (int k = 0; k < a.rows(); k++) {
                    double term = scaling * b.get(i, k) * a.get(k, j);
                    sum += term;
                    magnitude += Math.abs(term);
                }
                // the model adds r + 1 terms in float: r + 1 roundings of at most half an ulp of the magnitudes' sum
                assertThat((double) expected[i * q.columns() + j])
                        .isBetween(
                                sum - (a.rows() + 1) * 0x1p-24 * magnitude, sum + (a.rows() + 1) * 0x1p-24 * magnitude);
            }
        }
    }

    @Test
    void aModelWithoutRankHasNoAdapter() {
        Path source = folder.resolve("compressed");
        Path model = SampleModels.llama(folder.resolve("source"));
        assertThat(Lowbit.run("compress", model, "--out", source, "--bits", 5, "--rank", 0, "--quiet")
                        .code())
                .isZero();
        Lowbit run = Lowbit.run("export", source, "--to", "peft", "--out", folder.resolve("peft"), "--quiet");
        assertThat(run.code()).isEqualTo(5);
        assertThat(run.err()).contains("no matrix has a low-rank part").contains("--min-rank");
        assertThat(folder.resolve("peft")).doesNotExist();
    }

    @Test
    void theLowRankPartOfAnEmbeddingIsNoAdapter() {
        Path source = folder.resolve("compressed");
        Path model = SampleModels.llama(folder.resolve("source"));
        Lowbit made = Lowbit.run(
                "compress",
                model,
                "--out",
                source,
                "--embeddings",
                "--bits",
                9,
                "--rank",
                3,
                "--min-rank",
                1,
                "--quiet");
        assertThat(made.code()).as(made.err()).isZero();
        Lowbit run = Lowbit.run("export", source, "--to", "peft", "--out", folder.resolve("peft"), "--quiet");
        assertThat(run.code()).isEqualTo(5);
        assertThat(run.err().lines()).singleElement().asString().contains("model.embed_tokens.weight: is an embedding");
        assertThat(folder.resolve("peft")).doesNotExist();
    }

    /** Every failure on the way leaves neither the directory nor its temporary. */
    @ParameterizedTest
    @ValueSource(strings = {"a part", "a tensor carried over", "config.json"})
    void damageIsNotExported(String where) throws IOException {
        Path source = compressed("llama", 1);
        List<String> before = listing();
        String tensor = "model.embed_tokens.weight";
        if (where.equals("config.json")) {
            tensor = where;
            Path config = source.resolve(where);
            Files.writeString(config, Files.readString(config).replaceFirst("\\{", "{ "));
        } else {
            if (where.equals("a part")) {
                MatrixEntry entry = Manifest.read(source).matrices().getFirst();
                tensor = entry.tensorName(entry.parts().getFirst());
            }
            SampleModels.flip(source, tensor);
        }
        for (String format : List.of("safetensors", "peft")) {
            Lowbit run = Lowbit.run("export", source, "--to", format, "--out", folder.resolve("export"), "--quiet");
            assertThat(run.code()).isEqualTo(3);
            assertThat(run.err()).contains("DAMAGED", tensor, "run lowbit verify");
            assertThat(listing()).isEqualTo(before);
        }
    }

    /** There, verify would find it, and the next export take it for a weight file. */
    @ParameterizedTest
    @ValueSource(strings = {"safetensors", "peft"})
    void anExportIsNotWrittenIntoItsModel(String format) {
        Path source = compressed("llama", 1);
        Lowbit run = Lowbit.run("export", source, "--to", format, "--out", source.resolve("export"), "--quiet");
        assertThat(run.code()).isEqualTo(5);
        assertThat(run.err()).contains("lies in the input");
        assertThat(Lowbit.run("verify", source).code()).isZero();
    }

    private List<String> listing() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(Path::toString).sorted().toList();
        }
    }

    @Test
    void halfPrecisionThatWouldOverflowIsRefused() {
        Path file = folder.resolve("large.safetensors");
        try (FloatMatrix matrix = FloatMatrix.allocate(16, 16)) {
            for (int i = 0; i < 16; i++) {
                matrix.set(i, i, 1e6f * (i + 1));
            }
            SampleModels.single(file, matrix);
        }
        Path source = SampleModels.compressed(file, folder.resolve("compressed"), 0);
        Lowbit run = Lowbit.run(
                "export", source, "--to", "safetensors", "--out", folder.resolve("e"), "--dtype", "f16", "--quiet");
        assertThat(run.code()).isEqualTo(5);
        assertThat(run.err()).contains("a.weight").contains("--dtype f32 or bf16");
        assertThat(Lowbit.run("export", source, "--to", "safetensors", "--out", folder.resolve("e"), "--dtype", "bf16")
                        .code())
                .isZero();
    }
}
