package dev.lowbit.jobs.export;

import static dev.lowbit.jobs.Tensors.raw;
import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.jobs.AdditiveModels;
import dev.lowbit.jobs.Lowbit;
import dev.lowbit.jobs.SampleModels;
import dev.lowbit.jobs.compress.TargetSelection;
import dev.lowbit.store.CompressedModel;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Decodes exports weight by weight and compares them with the compressed model. */
class AqlmExportTest {
    @TempDir
    private Path folder;

    private Lowbit export(Path model, Object... options) {
        List<Object> command =
                new ArrayList<>(List.of("export", model, "--to", "aqlm", "--out", folder.resolve("aqlm"), "--quiet"));
        command.addAll(List.of(options));
        return Lowbit.run(command.toArray());
    }

    private Path source() {
        return SampleModels.evenLlama(folder.resolve("source"));
    }

    private JsonNode config() throws IOException {
        return JsonMapper.shared()
                .readTree(Files.readAllBytes(folder.resolve("aqlm").resolve("config.json")));
    }

    @ParameterizedTest
    @CsvSource({
        "aq1x8-g8-row-f16, 1, 8, 8, 1",
        "aq2x8-g4o2-row-f16, 2, 8, 4, 2",
        "aq3x4-g8-row-f16, 3, 4, 8, 1",
        "aq1x12-g16-row-f16, 1, 12, 16, 1"
    })
    void everyNumberIsTheModels(String format, int codebooks, int bits, int inGroup, int outGroup) throws IOException {
        Path source = source();
        Path compressed = AdditiveModels.write(source, folder.resolve("compressed"), format);
        Lowbit run = export(compressed);
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.out()).contains("nothing was rounded").contains("14 matrices as aqlm");
        Path out = folder.resolve("aqlm");
        try (CompressedModel model = CompressedModel.open(compressed);
                Checkpoint original = Checkpoint.open(source);
                Checkpoint exported = Checkpoint.open(out)) {
            assertThat(PlainAqlm.requireSame(model, exported)).isEqualTo(14);
            List<String> others = new ArrayList<>(original.names());
            others.removeAll(model.names());
            assertThat(exported.names()).hasSize(others.size() + 3 * 14).containsAll(others);
            for (String name : others) {
                assertThat(raw(exported, name)).isEqualTo(raw(original, name));
            }
            assertThat(exported.files()).hasSameSizeAs(original.files());
        }
        JsonNode whole = config();
        assertThat(whole.get("hidden_size").asInt()).isEqualTo(64);
        JsonNode config = whole.get("quantization_config");
        assertThat(config.get("quant_method").asString()).isEqualTo("aqlm");
        assertThat(config.get("num_codebooks").asInt()).isEqualTo(codebooks);
        assertThat(config.get("nbits_per_codebook").asInt()).isEqualTo(bits);
        assertThat(config.get("in_group_size").asInt()).isEqualTo(inGroup);
        assertThat(config.get("out_group_size").asInt()).isEqualTo(outGroup);
        assertThat(out.resolve("lowbit.json")).doesNotExist();
        assertThat(out.resolve("quantize_config.json")).doesNotExist();
    }

    private List<String> dense() throws IOException {
        List<String> names = new ArrayList<>();
        config().get("quantization_config")
                .get("linear_weights_not_to_quantize")
                .forEach(n -> names.add(n.asString()));
        return names;
    }

    /** Readers look for the codes of every linear layer that is not named. */
    @Test
    void whatStaysInFloatsIsNamed() throws IOException {
        UnaryOperator<String> formats = name -> name.contains("layers.1.mlp.up") ? null : "aq1x4-g8-row-f16";
        Path compressed = AdditiveModels.write(
                source(), folder.resolve("compressed"), TargetSelection.standard(), formats, Optional.empty());
        assertThat(export(compressed).code()).isZero();
        assertThat(dense())
                .containsExactlyInAnyOrder(
                        "lm_head.weight", "model.embed_tokens.weight", "model.layers.1.mlp.up_proj.weight");
    }

    @Test
    void aHeadMayBeQuantized() throws IOException {
        TargetSelection all = new TargetSelection(true, List.of(Pattern.compile("embed_tokens")), List.of());
        Path compressed = AdditiveModels.write(
                source(), folder.resolve("compressed"), all, name -> "aq1x4-g8-row-f16", Optional.empty());
        assertThat(export(compressed).code()).isZero();
        assertThat(dense()).containsExactly("model.embed_tokens.weight");
    }

    /** What scales in other formats lose is measured: never more than half a unit in the last place of F16. */
    @ParameterizedTest
    @CsvSource({
        "aq2x4-g8-row-s4x64-bf16, true",
        "aq1x4-g8o2-row-s8x16-fp32, true",
        "aq1x4-g8-row-f32, true",
        "aq1x4-g8-row-bf16, false",
        "aq1x4-g8-s1024-f16, false"
    })
    void roundingOfScalesIsMeasured(String format, boolean rounds) throws IOException {
        Path compressed = AdditiveModels.write(source(), folder.resolve("compressed"), format);
        Lowbit run = export(compressed, "--json");
        assertThat(run.code()).as(run.err()).isZero();
        double reported =
                JsonMapper.shared().readTree(run.out()).get("roundingError").asDouble();
        double change = 0;
        double norm = 0;
        try (CompressedModel model = CompressedModel.open(compressed);
                Checkpoint exported = Checkpoint.open(folder.resolve("aqlm"))) {
            for (String name : model.names()) {
                int[] written = PlainAqlm.decode(exported, TargetSelection.layer(name));
                int[] ours = PlainGptq.bits(model.matrix(name));
                for (int i = 0; i < ours.length; i++) {
                    double weight = Float.intBitsToFloat(ours[i]);
                    double difference = weight - Float.intBitsToFloat(written[i]);
                    change += difference * difference;
                    norm += weight * weight;
                }
            }
        }
        double measured = Math.sqrt(change / norm);
        assertThat(reported).isLessThanOrEqualTo(0x1p-11);
        if (rounds) {
            // both decodings round to float, which is 2^-13 of the change
            assertThat(reported).isPositive().isCloseTo(measured, org.assertj.core.data.Percentage.withPercentage(0.1));
        } else {
            assertThat(reported).isZero();
            assertThat(measured).isZero();
        }
        Lowbit again = Lowbit.run("export", compressed, "--to", "aqlm", "--out", folder.resolve("again"), "--quiet");
        assertThat(again.out()).contains(rounds ? "scales rounded to f16" : "nothing was rounded");
    }

    @Test
    void aCorrectionIsAnAdapter() throws IOException {
        Path compressed = AdditiveModels.write(source(), folder.resolve("compressed"), "aq1x4-g8-row-f16+r2-f16");
        Lowbit run = export(compressed, "--json");
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(JsonMapper.shared()
                        .readTree(run.out())
                        .get("adapterMatrices")
                        .asInt())
                .isEqualTo(14);
        Path adapter = folder.resolve("aqlm").resolve("adapter");
        try (CompressedModel model = CompressedModel.open(compressed);
                Checkpoint exported = Checkpoint.open(folder.resolve("aqlm"));
                Checkpoint factors = Checkpoint.open(adapter.resolve("adapter_model.safetensors"))) {
            assertThat(PlainAqlm.requireSame(model, exported)).isEqualTo(14);
            assertThat(factors.names()).hasSize(28);
            String pair = factors.metadata(factors.files().getFirst()).get(Exporter.PAIR);
            assertThat(pair).hasSize(64);
            exported.files()
                    .forEach(weights -> assertThat(exported.metadata(weights).get(Exporter.PAIR))
                            .isEqualTo(pair));
        }
    }

    /** Shared codebooks stand in every layer, and nowhere else. */
    @ParameterizedTest
    @ValueSource(strings = {"aqlm", "safetensors"})
    void sharedCodebooks(String to) {
        Path source = source();
        Path compressed = AdditiveModels.write(
                source,
                folder.resolve("compressed"),
                TargetSelection.standard(),
                name -> "aq2x4-g8-row-f16",
                Optional.of("book"));
        Path out = folder.resolve("out");
        Lowbit run = Lowbit.run("export", compressed, "--to", to, "--out", out, "--quiet");
        assertThat(run.code()).as(run.err()).isZero();
        try (CompressedModel model = CompressedModel.open(compressed);
                Checkpoint original = Checkpoint.open(source);
                Checkpoint exported = Checkpoint.open(out)) {
            if (to.equals("aqlm")) {
                assertThat(PlainAqlm.requireSame(model, exported)).isEqualTo(14);
                assertThat(exported.names()).noneMatch(name -> name.startsWith("lowbit."));
            } else {
                assertThat(exported.names()).isEqualTo(original.names());
            }
        }
    }

    @Test
    void damagedSharedCodebooksAreNotExported() throws IOException {
        Path compressed = AdditiveModels.write(
                source(),
                folder.resolve("compressed"),
                TargetSelection.standard(),
                name -> "aq2x4-g8-row-f16",
                Optional.of("book"));
        try (Checkpoint checkpoint = Checkpoint.open(compressed)) {
            var info = checkpoint.info("lowbit.shared.book.codebooks");
            try (RandomAccessFile file = new RandomAccessFile(info.file().toFile(), "rw")) {
                file.seek(info.offsetBytes());
                int first = file.read();
                file.seek(info.offsetBytes());
                file.write(first ^ 1);
            }
        }
        Lowbit run = export(compressed);
        assertThat(run.code()).isEqualTo(3);
        assertThat(run.err()).contains("codebooks does not have the digest");
    }

    private void refused(Path compressed, String... messages) throws IOException {
        List<String> before = listing();
        Lowbit run = export(compressed);
        assertThat(run.code()).as(run.err()).isEqualTo(5);
        assertThat(run.err()).contains(messages).hasLineCount(1);
        assertThat(listing()).isEqualTo(before);
    }

    private List<String> listing() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(Path::toString).sorted().toList();
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "aq1x4-g8-s16-f16 | model.layers.0.mlp.down_proj.weight: | aq1x4-g8-s16-f16 has 6",
                "aq1x4-g20-row-f16 | model.layers.0.mlp.down_proj.weight: | 96 inputs are no multiple of the 20 columns",
                "aq1x4-g8o5-row-f16 | model.layers.0.mlp.down_proj.weight: | 64 outputs are no multiple of the 5 rows"
            })
    void formatsThatTheLayoutDoesNotHave(String format, String matrix, String message) throws IOException {
        refused(AdditiveModels.write(source(), folder.resolve("compressed"), format), matrix, message, "--skip");
    }

    @Test
    void aMixNamesTwoMatrices() throws IOException {
        UnaryOperator<String> formats = name -> name.contains("q_proj") ? "aq2x4-g8-row-f16" : "aq1x4-g8-row-f16";
        Path compressed = AdditiveModels.write(
                source(), folder.resolve("compressed"), TargetSelection.standard(), formats, Optional.empty());
        refused(
                compressed,
                "model.layers.0.mlp.down_proj.weight is aq1x4-g8-row-f16 and",
                "q_proj.weight is aq2x4-g8-row-f16",
                "compress all matrices to one format");
    }

    /** Formats that differ in their scales only are one in the layout. */
    @Test
    void scalesMayBeMixed() {
        UnaryOperator<String> formats = name -> name.contains("q_proj") ? "aq1x4-g8-row-bf16" : "aq1x4-g8-row-f16";
        Path compressed = AdditiveModels.write(
                source(), folder.resolve("compressed"), TargetSelection.standard(), formats, Optional.empty());
        assertThat(export(compressed).code()).isZero();
    }

    @Test
    void otherRepresentationsEmbeddingsAndModelsWithoutConfigurationAreRefused() throws IOException {
        Path source = source();
        Path affine = SampleModels.affine(source, folder.resolve("affine"), "affine4-g32-f16");
        refused(affine, "is affine4-g32-f16", "additive formats only", "aq2x8-g8-row-f16");
        Path embedded = AdditiveModels.write(
                source,
                folder.resolve("embedded"),
                new TargetSelection(true, List.of(), List.of()),
                name -> "aq1x4-g8-row-f16",
                Optional.empty());
        refused(embedded, "model.embed_tokens.weight", "without --embeddings");
        Path bare = SampleModels.gpt2(folder.resolve("gpt2"), 64, 192);
        refused(AdditiveModels.write(bare, folder.resolve("bare"), "aq1x4-g8-row-f16"), "has no config.json");
        Lowbit typed = export(affine, "--dtype", "f16");
        assertThat(typed.code()).isEqualTo(2);
        assertThat(typed.err()).contains("--dtype");
    }
}
