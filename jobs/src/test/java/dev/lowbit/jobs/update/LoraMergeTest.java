package dev.lowbit.jobs.update;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.jobs.SampleModels;
import dev.lowbit.jobs.Tensors;
import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Adapters merged into checkpoints: W + s B A, by the rules of PEFT. */
class LoraMergeTest extends UpdateRuns {
    private static final String Q = "model.layers.0.self_attn.q_proj";
    private static final String UP = "model.layers.1.mlp.up_proj";

    private Path llama;

    private Path llama() {
        llama = SampleModels.llama(folder.resolve("llama"));
        return llama;
    }

    /** Of rank 4 for q_proj and 2 for up_proj of {@link SampleModels#llama}. */
    private static TensorFile factors() {
        return Adapters.module(Adapters.module(new TensorFile(), Q, 24, 24, 4, 1), UP, 40, 24, 2, 5);
    }

    private static final String PATTERNS =
            ", \"lora_alpha\": 8, \"rank_pattern\": {\"up_proj\": 2}, \"alpha_pattern\": {\"layers\\\\.1\\\\.mlp\\\\..*\": 3}";

    private static void requireSum(
            float[] before, float[] after, float[] b, float[] a, int rank, double scaling, boolean transposed) {
        int outputs = b.length / rank;
        int inputs = a.length / rank;
        for (int i = 0; i < outputs; i++) {
            for (int j = 0; j < inputs; j++) {
                int at = transposed ? j * outputs + i : i * inputs + j;
                double sum = before[at];
                double magnitude = Math.abs(sum);
                for (int k = 0; k < rank; k++) {
                    double term = scaling * b[i * rank + k] * a[k * inputs + j];
                    sum += term;
                    magnitude += Math.abs(term);
                }
                // one rounding to float
                assertThat((double) after[at]).isCloseTo(sum, within(0x1.001p-24 * magnitude));
            }
        }
    }

    /** The same bytes under the name of another type of that width. */
    @Test
    void factorsOfIntegersAreNotSupported() throws IOException {
        Path adapter = Adapters.write(folder.resolve("adapter"), factors(), PATTERNS);
        Path file = adapter.resolve(AdapterFolder.WEIGHTS);
        String integers = Files.readString(file, StandardCharsets.ISO_8859_1).replace("\"F32\"", "\"I32\"");
        Files.writeString(file, integers, StandardCharsets.ISO_8859_1);
        refused(4, "lora_A.weight is I32", "import", adapter, "--base", llama());
    }

    @Test
    void everyModuleHasItsOwnScalingAndNothingElseChanges() throws IOException {
        TensorFile tensors = factors();
        Path adapter = Adapters.write(folder.resolve("adapter"), tensors, PATTERNS);
        Path merged = done("merged", "import", adapter, "--base", llama());
        requireSum(
                TensorFile.values(llama, Q + ".weight"),
                TensorFile.values(merged, Q + ".weight"),
                tensors.values(Adapters.factor(Q, "B")),
                tensors.values(Adapters.factor(Q, "A")),
                4,
                8.0 / 4,
                false);
        requireSum(
                TensorFile.values(llama, UP + ".weight"),
                TensorFile.values(merged, UP + ".weight"),
                tensors.values(Adapters.factor(UP, "B")),
                tensors.values(Adapters.factor(UP, "A")),
                2,
                3.0 / 2,
                false);
        try (Checkpoint before = Checkpoint.open(llama);
                Checkpoint after = Checkpoint.open(merged)) {
            assertThat(after.names()).isEqualTo(before.names());
            assertThat(after.files()).hasSameSizeAs(before.files()).hasSizeGreaterThan(1);
            assertThat(after.warnings()).isEqualTo(before.warnings());
            for (String name : before.names()) {
                boolean adapted = name.equals(Q + ".weight") || name.equals(UP + ".weight");
                assertThat(Arrays.equals(Tensors.raw(after, name), Tensors.raw(before, name)))
                        .as(name)
                        .isEqualTo(!adapted);
                assertThat(after.info(name).file().getFileName())
                        .isEqualTo(before.info(name).file().getFileName());
            }
            assertThat(after.sidecars()).hasSameSizeAs(before.sidecars()).isNotEmpty();
            for (Path file : before.sidecars()) {
                assertThat(merged.resolve(file.getFileName())).hasSameBinaryContentAs(file);
            }
            assertThat(merged.resolve("model.safetensors.index.json"))
                    .hasSameBinaryContentAs(llama.resolve("model.safetensors.index.json"));
        }
    }

    /** GPT-2 stores matrices inputs x outputs and is published without the prefix of the loaded model. */
    @Test
    void inputMajorMatricesAreAdded() throws IOException {
        Path base = SampleModels.gpt2(folder.resolve("gpt2"));
        TensorFile tensors = Adapters.module(new TensorFile(), "transformer.h.1.attn.c_attn", 60, 20, 4, 1);
        Path adapter =
                Adapters.write(folder.resolve("adapter"), tensors, ", \"lora_alpha\": 2, \"fan_in_fan_out\": true");
        Path merged = done("merged", "import", adapter, "--base", base);
        requireSum(
                TensorFile.values(base, "h.1.attn.c_attn.weight"),
                TensorFile.values(merged, "h.1.attn.c_attn.weight"),
                tensors.values(Adapters.factor("transformer.h.1.attn.c_attn", "B")),
                tensors.values(Adapters.factor("transformer.h.1.attn.c_attn", "A")),
                4,
                0.5,
                true);
        Path straight = Adapters.write(folder.resolve("straight"), tensors, ", \"lora_alpha\": 2");
        refused(5, "fan_in_fan_out is false", "import", straight, "--base", base);
    }

    /** A compressed adapter is merged as the adapter that it decodes to. */
    @Test
    void compressedAdaptersAreMergedAsTheyDecode() throws IOException {
        Path adapter = Adapters.write(folder.resolve("adapter"), factors(), PATTERNS);
        Path update = done("update", "export", adapter, "--to", "compeft", "--density", 0.3);
        Path decoded = done("decoded", "import", update);
        Tensors.requireSame(
                done("one", "import", update, "--base", llama()), done("two", "import", decoded, "--base", llama));
        Path second = done("second", "export", adapter, "--to", "compeft", "--density", 0.6);
        Path both = done("both", "import", update, second, "--merge", "mean");
        Tensors.requireSame(
                done("three", "import", update, second, "--merge", "mean", "--base", llama, "--threads", 1),
                done("four", "import", both, "--base", llama, "--threads", 3));
    }

    /** What {@code export --to peft} takes apart comes together again. */
    @ParameterizedTest
    @ValueSource(strings = {"llama", "gpt2"})
    void exportedPairsAddUp(String kind) {
        Path source = folder.resolve("source");
        Path model = SampleModels.compressed(
                kind.equals("llama") ? SampleModels.llama(source) : SampleModels.gpt2(source),
                folder.resolve("compressed"),
                1);
        Path pair = done("pair", "export", model, "--to", "peft");
        Path whole = done("whole", "export", model, "--to", "safetensors");
        Path merged = done("merged", "import", pair.resolve("adapter"), "--base", pair.resolve("base"));
        try (Checkpoint expected = Checkpoint.open(whole)) {
            for (String name : expected.names()) {
                float[] one = TensorFile.values(whole, name);
                float[] other = TensorFile.values(merged, name);
                for (int i = 0; i < one.length; i++) {
                    // sums of a few terms in float there, in double here
                    assertThat(other[i]).as(name).isCloseTo(one[i], within(1e-5f));
                }
            }
        }
    }

    @Test
    void halfPrecisionIsRoundedOnceAndNeverToInfinity() throws IOException {
        TensorFile base = new TensorFile()
                .put("m.q.weight", DType.BF16, TensorFile.gaussian(24, 3), 4, 6)
                .put("m.norm", DType.F32, TensorFile.gaussian(4, 4), 4);
        Path file = base.write(folder.resolve("base.safetensors"));
        TensorFile tensors = Adapters.module(new TensorFile(), "m.q", 4, 6, 4, 1);
        Path adapter = Adapters.write(folder.resolve("adapter"), tensors, ", \"lora_alpha\": 400");
        Path merged = done("merged", "import", adapter, "--base", file).resolve("base.safetensors");
        float[] b = tensors.values(Adapters.factor("m.q", "B"));
        float[] a = tensors.values(Adapters.factor("m.q", "A"));
        float[] sums = base.values("m.q.weight");
        for (int i = 0; i < 24; i++) {
            double delta = 0;
            for (int k = 0; k < 4; k++) {
                delta = Math.fma((double) b[i / 6 * 4 + k], a[k * 6 + i % 6], delta);
            }
            sums[i] = (float) Math.fma(100.0, delta, sums[i]);
        }
        assertThat(TensorFile.values(merged, "m.q.weight")).isEqualTo(TensorFile.rounded(DType.BF16, sums));
        new TensorFile()
                .put("m.q.weight", DType.F16, TensorFile.gaussian(24, 3), 4, 6)
                .write(file);
        Path huge = Adapters.write(folder.resolve("huge"), tensors, ", \"lora_alpha\": 1e9");
        refused(5, "beyond the range of F16", "import", huge, "--base", file);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "\"use_dora\": true",
                "\"use_rslora\": true",
                "\"bias\": \"all\"",
                "\"lora_bias\": true",
                "\"modules_to_save\": [\"score\"]",
                "\"layer_replication\": [[0, 4], [2, 5]]",
                "\"init_lora_weights\": \"pissa\""
            })
    void moreThanPlainLoraIsRefused(String field) throws IOException {
        Path adapter = Adapters.write(folder.resolve("adapter"), factors(), PATTERNS + ", " + field);
        refused(4, field.substring(1, field.indexOf('"', 1)) + " is", "import", adapter, "--base", llama());
        // it is decoded all the same, which computes nothing
        done("back", "import", done("update", "export", adapter, "--to", "compeft"));
    }

    /** Case C15: merged or compressed, an adapter is what its configuration says. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "\"(x+x+)+y|no_such_module\"",
                "\"(.+)+(.+)+(.+)+(.+)+(.+)+(.+)+(.+)+(.+)+!\"",
                "[\"v_proj\", \"proj\"]"
            })
    void c15TargetsThatAreNotTheModulesAreRefused(String targets) throws IOException {
        Path adapter = Adapters.write(folder.resolve("adapter"), factors(), targets, PATTERNS);
        String words = targets.contains("!") ? "takes too long" : "target_modules does not match";
        refused(3, words, "import", adapter, "--base", llama());
        refused(3, words, "export", adapter, "--to", "compeft");
    }

    @Test
    void c15RanksBeyondAMatrixAreRefused() throws IOException {
        TensorFile high = Adapters.module(new TensorFile(), "layer.q", 3, 24, 4, 1);
        TensorFile base = new TensorFile().put("layer.q.weight", DType.F32, new float[72], 3, 24);
        Path adapter = Adapters.write(folder.resolve("adapter"), high, "");
        Path file = base.write(folder.resolve("base.safetensors"));
        refused(3, "rank 4 exceeds the smaller side 3", "import", adapter, "--base", file);
        refused(3, "rank 4 exceeds the smaller side 3", "export", adapter, "--to", "compeft");
    }

    @Test
    void whatDoesNotFitIsRefused() throws IOException {
        llama();
        TensorFile whole = factors().put("base_model.model.score.weight", DType.F32, new float[4], 2, 2);
        refused(
                4,
                "score.weight, which is no factor",
                "import",
                Adapters.write(folder.resolve("whole"), whole, PATTERNS),
                "--base",
                llama);
        refused(
                3,
                "stands alone",
                "import",
                Adapters.write(folder.resolve("alone"), factors().remove(Adapters.factor(Q, "A")), PATTERNS),
                "--base",
                llama);
        refused(
                3,
                "for rank 4",
                "import",
                Adapters.write(folder.resolve("rank"), factors(), ", \"lora_alpha\": 8"),
                "--base",
                llama);
        refused(
                3,
                "rank_pattern",
                "import",
                Adapters.write(folder.resolve("pattern"), factors(), ", \"rank_pattern\": {\"up_proj\": 0}"),
                "--base",
                llama);
        TensorFile foreign = Adapters.module(new TensorFile(), "model.layers.7.self_attn.q_proj", 24, 24, 4, 1);
        refused(
                5,
                "has no tensor model.layers.7",
                "import",
                Adapters.write(folder.resolve("foreign"), foreign, ""),
                "--base",
                llama);
        TensorFile wide = Adapters.module(new TensorFile(), Q, 24, 32, 4, 1);
        refused(
                5,
                "the adapter changes [24, 32]",
                "import",
                Adapters.write(folder.resolve("wide"), wide, ""),
                "--base",
                llama);
        Path model = SampleModels.compressed(llama, folder.resolve("compressed"), 1);
        refused(2, "packed matrices", "import", folder.resolve("wide"), "--base", model);
        Files.delete(folder.resolve("wide").resolve("adapter_config.json"));
        refused(2, "--base and --merge belong to updates", "import", folder.resolve("wide"), "--base", llama);
    }
}
