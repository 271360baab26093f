package dev.lowbit.jobs.update;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.compeft.CompressedUpdate;
import dev.lowbit.compeft.TernaryTensor;
import dev.lowbit.jobs.AdditiveModels;
import dev.lowbit.jobs.Lowbit;
import dev.lowbit.jobs.SampleModels;
import dev.lowbit.jobs.compress.TargetSelection;
import dev.lowbit.jobs.demo.DemoModel;
import dev.lowbit.jobs.demo.TinyModel;
import dev.lowbit.store.Manifest;
import dev.lowbit.store.Verifier;
import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;

/** What tuning changed in a compressed model through {@code export --to compeft} and {@code import}. */
class CompressedUpdateTest extends UpdateRuns {
    @TempDir
    private static Path common;

    private static Path model;
    private static Path text;

    @BeforeAll
    static void train() throws IOException {
        model = TinyModel.write(common.resolve("model"));
        text = Files.writeString(common.resolve("text"), DemoModel.calibrationText(6000));
    }

    private Path sketched(String out, String format) {
        return done(out, "compress", model, "--method", "sketchtune", "--format", format);
    }

    private Path tuned(String out, Path compressed) {
        return done(out, "tune", compressed, "--text", text, "--reference", model, "--parts", "all", "--epochs", 1);
    }

    private double perplexity(Path path) {
        Lowbit run = lowbit("evaluate", path, "--text", text, "--max-tokens", 500, "--json");
        assertThat(run.code()).as(run.err()).isZero();
        return JsonMapper.shared().readTree(run.out()).get("perplexity").asDouble();
    }

    /** Base tables plus signs, rounded to the tables' type; everything else as in the base. */
    private static void requireSum(Path base, Path update, Path merged) {
        CompressedUpdate read = update(update);
        Set<String> changed =
                read.tensors().stream().map(TernaryTensor::name).collect(Collectors.toCollection(TreeSet::new));
        TensorFile before = TensorFile.of(base);
        TensorFile after = TensorFile.of(merged);
        Manifest.read(base).partsByTensor().forEach((name, part) -> {
            if (!changed.contains(name)) {
                assertThat(Manifest.read(merged).partsByTensor().get(name).sha256())
                        .as(name)
                        .isEqualTo(part.sha256());
                return;
            }
            assertThat(part.type()).isEqualTo(DType.F16);
            float[] expected = before.values(name);
            float[] step = decoded(read, name);
            for (int i = 0; i < expected.length; i++) {
                expected[i] += step[i];
            }
            assertThat(after.values(name)).as(name).isEqualTo(TensorFile.rounded(DType.F16, expected));
        });
        assertThat(Verifier.verify(merged)).isEmpty();
        assertThat(Manifest.read(merged).tensors())
                .isEqualTo(Manifest.read(base).tensors());
    }

    @Test
    void tablesOfSketchesTakeTheUpdate() throws IOException {
        Path base = sketched("base", "sketch4-r1-f16");
        Path tuned = tuned("tuned", base);
        Path update = done(
                "update", "export", tuned, "--base", base, "--to", "compeft", "--density", 0.2, "--mean-magnitude");
        List<String> names =
                update(update).tensors().stream().map(TernaryTensor::name).toList();
        assertThat(names).isNotEmpty().allMatch(name -> name.endsWith(".tables"));
        Path merged = done("merged", "import", update, "--base", base);
        requireSum(base, update, merged);
        assertThat(Manifest.read(merged).job().options())
                .containsEntry("compeft.merge", "sum")
                .containsKeys("compeft.model", "compeft.updates");
        // errors of changed matrices are not known, those of others are
        Manifest.read(merged)
                .matrices()
                .forEach(matrix ->
                        assertThat(matrix.error().isPresent()).isEqualTo(!names.contains(matrix.name() + ".tables")));
        double of = perplexity(merged);
        assertThat(of).isFinite();
        System.out.println("tiny sketches: perplexity " + perplexity(base) + ", tuned " + perplexity(tuned)
                + ", with the update in signs " + of);
        // the same command again finds its own output
        Lowbit again = lowbit("import", update, "--base", base, "--out", merged);
        assertThat(again.code()).isEqualTo(5);
    }

    /** Parts that change, parts that do not, and tensors carried over: each with its digest, or not at all. */
    @Test
    void aDamagedBaseTakesNoUpdate() {
        Path base = sketched("base", "sketch4-r1-f16");
        Path update = done("update", "export", tuned("tuned", base), "--base", base, "--to", "compeft");
        String matrix = "model.layers.0.mlp.down_proj.weight";
        for (String tensor : List.of(matrix + ".tables", matrix + ".codes", "model.embed_tokens.weight")) {
            SampleModels.flip(base, tensor);
            Lowbit run = lowbit("import", update, "--base", base, "--out", folder.resolve("merged"));
            assertThat(run.code()).as(tensor).isEqualTo(3);
            assertThat(run.err()).contains("DAMAGED", tensor, "run lowbit verify");
            assertThat(folder.resolve("merged")).doesNotExist();
            SampleModels.flip(base, tensor);
        }
        // what was merged before the damage was met is gone on with
        requireSum(base, update, done("merged", "import", update, "--base", base));
    }

    @Test
    void otherCodesAreNoBase() throws IOException {
        Path base = sketched("base", "sketch4-r1-f16");
        Path tuned = tuned("tuned", base);
        Path update = done("update", "export", tuned, "--base", base, "--to", "compeft");
        Path other = done(
                "other",
                "compress",
                model,
                "--method",
                "sketchtune",
                "--format",
                "sketch4-r1-f16",
                "--calibration",
                text);
        refused(5, "other codes", "import", update, "--base", other);
        refused(6, "no such file or directory", "import", update, "--base", folder.resolve("absent"));
        refused(5, "other codes", "import", update, "--base", model);
        refused(5, "U8 and differs", "export", other, "--base", base, "--to", "compeft");
        // a second update on top of the first has the same codes
        Path once = done("once", "import", update, "--base", base);
        Path twice = done("twice", "import", update, "--base", once);
        requireSum(once, update, twice);
        refused(
                5,
                "sketch3-r1-f16 of",
                "export",
                tuned,
                "--base",
                sketched("narrow", "sketch3-r1-f16"),
                "--to",
                "compeft");
        refused(5, "there is nothing to write", "export", base, "--base", base, "--to", "compeft");
        refused(2, "whole model", "export", tuned, "--to", "compeft");
        Files.writeString(update.resolve("base.json"), "{}");
        refused(3, "base.json", "import", update, "--base", base);
    }

    @Test
    void integerTablesAreRefusedWithWhatToDo() throws IOException {
        Path base = sketched("base", "sketch4-r1-t5-s6x64-bf16");
        refused(5, "whose tables are f16 or bf16", "export", tuned("tuned", base), "--base", base, "--to", "compeft");
    }

    /** Codebooks that all matrices share are changed once, for all. */
    @Test
    void sharedPartsTakeTheUpdate() {
        Path base = AdditiveModels.write(
                model,
                folder.resolve("base"),
                TargetSelection.standard(),
                name -> "aq1x4-g4-row-f16",
                Optional.of("all"));
        Path tuned = tuned("tuned", base);
        Path update = done("update", "export", tuned, "--base", base, "--to", "compeft");
        assertThat(update(update).tensors()).extracting(TernaryTensor::name).contains("lowbit.shared.all.codebooks");
        requireSum(base, update, done("merged", "import", update, "--base", base));
    }
}
