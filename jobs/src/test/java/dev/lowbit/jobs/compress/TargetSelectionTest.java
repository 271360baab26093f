package dev.lowbit.jobs.compress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.error.InvalidRequestException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TargetSelectionTest {
    @TempDir
    private Path folder;

    private List<String> names(SmallModel model, TargetSelection selection) {
        try (Checkpoint checkpoint = Checkpoint.open(model.write(folder))) {
            return selection.of(checkpoint).stream().map(Target::name).toList();
        }
    }

    private static TargetSelection skip(String... patterns) {
        return new TargetSelection(
                false, List.of(patterns).stream().map(Pattern::compile).toList(), List.of());
    }

    private static TargetSelection only(String... patterns) {
        return new TargetSelection(
                false,
                List.of(),
                List.of(patterns).stream().map(Pattern::compile).toList());
    }

    @Test
    void takesLinearLayersAndLeavesEmbeddingsNormsHeadsAndVectors() {
        SmallModel model = new SmallModel()
                .random("model.embed_tokens.weight", 4, 4, 1)
                .random("lm_head.weight", 4, 4, 1)
                .random("output.weight", 4, 4, 1)
                .random("transformer.wte.weight", 4, 4, 1)
                .random("transformer.wpe.weight", 4, 4, 1)
                .random("bert.embeddings.word_embeddings.weight", 4, 4, 1)
                .random("model.embed_positions.weight", 4, 4, 1)
                .random("model.layers.0.post_attention_layernorm.weight", 1, 4, 1)
                .random("model.layers.0.self_attn.q_proj.bias", 1, 4, 1)
                .vector("model.norm.weight", 4)
                .tensor("conv.weight", List.of(2L, 2L, 1L), 1, 2, 3, 4)
                .random("model.layers.0.self_attn.q_proj.weight", 4, 4, 1)
                .random("encoder.layer.0.attention.output.dense.weight", 4, 4, 1)
                .random("model.layers.0.block_sparse_moe.experts.3.w2.weight", 1, 4, 1);
        assertThat(names(model, TargetSelection.standard()))
                .containsExactly(
                        "encoder.layer.0.attention.output.dense.weight",
                        "model.layers.0.block_sparse_moe.experts.3.w2.weight",
                        "model.layers.0.self_attn.q_proj.weight");
    }

    /** Odd, but names of two-dimensional weights. */
    @Test
    void namesOfDotsAreNames() {
        SmallModel model = new SmallModel()
                .random(".weight", 4, 4, 1)
                .random("..weight", 4, 4, 1)
                .random("...weight", 4, 4, 1)
                .random("norm..weight", 4, 4, 1);
        assertThat(names(model, TargetSelection.standard()))
                .containsExactlyInAnyOrder(".weight", "..weight", "...weight", "norm..weight");
        assertThat(TargetSelection.isEmbedding("..weight")).isFalse();
    }

    @Test
    void embeddingsAndHeadsAreTakenWhenAskedFor() {
        SmallModel model = SmallModel.llama().random("lm_head.weight", 50, 48, 9);
        assertThat(names(model, new TargetSelection(true, List.of(), List.of())))
                .hasSize(10)
                .contains("model.embed_tokens.weight", "lm_head.weight");
    }

    @Test
    void readsInputMajorMatricesTransposed() {
        SmallModel model = new SmallModel()
                .random("h.0.attn.c_attn.weight", 8, 24, 1)
                .random("h.0.mlp.c_fc.weight", 8, 32, 1)
                .random("h.0.mlp.c_proj.weight", 32, 8, 1)
                .random("h.0.mlp.my_c_proj.weight", 32, 8, 1);
        try (Checkpoint checkpoint = Checkpoint.open(model.write(folder))) {
            assertThat(TargetSelection.standard().of(checkpoint))
                    .extracting(Target::name, Target::rows, Target::columns, Target::transposed)
                    .containsExactly(
                            org.assertj.core.groups.Tuple.tuple("h.0.attn.c_attn.weight", 24, 8, true),
                            org.assertj.core.groups.Tuple.tuple("h.0.mlp.c_fc.weight", 32, 8, true),
                            org.assertj.core.groups.Tuple.tuple("h.0.mlp.c_proj.weight", 8, 32, true),
                            org.assertj.core.groups.Tuple.tuple("h.0.mlp.my_c_proj.weight", 32, 8, false));
        }
    }

    /** Starcoder and Qwen have linear layers of GPT-2's names. */
    @ParameterizedTest
    @CsvSource({"gpt2, true", "openai-gpt, true", "gpt_bigcode, false", "starcoder2, false", "qwen, false"})
    void aModelTypeSaysWhoseNamesTheseAre(String type, boolean transposed) throws IOException {
        Path model = new SmallModel().random("h.0.attn.c_attn.weight", 8, 24, 1).write(folder);
        Files.writeString(model.resolve("config.json"), "{\"model_type\": \"" + type + "\"}");
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            assertThat(TargetSelection.standard().of(checkpoint))
                    .singleElement()
                    .returns(transposed, Target::transposed)
                    .returns(transposed ? 24 : 8, Target::rows);
        }
    }

    @Test
    void layersComeInTheOrderOfTheirNumbers() {
        SmallModel model = new SmallModel();
        for (int layer : new int[] {10, 9, 2, 1}) {
            model.random("layers." + layer + ".up_proj.weight", 2, 2, 1);
        }
        assertThat(names(model, TargetSelection.standard()))
                .containsExactly(
                        "layers.1.up_proj.weight",
                        "layers.2.up_proj.weight",
                        "layers.9.up_proj.weight",
                        "layers.10.up_proj.weight");
    }

    @Test
    void skipAndOnlyFindInTheWholeName() {
        assertThat(names(SmallModel.llama(), skip("mlp", "layers\\.1\\.")))
                .containsExactly("model.layers.0.self_attn.k_proj.weight", "model.layers.0.self_attn.q_proj.weight");
        assertThat(names(SmallModel.llama(), only("up_proj")))
                .containsExactly("model.layers.0.mlp.up_proj.weight", "model.layers.1.mlp.up_proj.weight");
    }

    @Test
    void namesInATurkishLocaleAreTheSame() {
        Locale before = Locale.getDefault();
        try {
            Locale.setDefault(Locale.forLanguageTag("tr-TR"));
            SmallModel model = new SmallModel()
                    .random("I.LAYERNORM.weight", 2, 2, 1)
                    .random("model.layers.0.IN_PROJ.weight", 2, 2, 1);
            assertThat(names(model, only("(?i)in_proj"))).containsExactly("model.layers.0.IN_PROJ.weight");
        } finally {
            Locale.setDefault(before);
        }
    }

    @Test
    void aPatternThatMatchesNothingIsAUsageError() {
        assertThatThrownBy(() -> names(SmallModel.llama(), skip("mpl")))
                .isInstanceOfSatisfying(InvalidRequestException.class, e -> {
                    assertThat(e.kind()).isEqualTo(InvalidRequestException.Kind.USAGE);
                    assertThat(e).hasMessageContaining("--skip mpl").hasMessageContaining("matches no tensor");
                });
        assertThatThrownBy(() -> names(SmallModel.llama(), only("up_proj", "embed_tokens")))
                .isInstanceOfSatisfying(InvalidRequestException.class, e -> {
                    assertThat(e.kind()).isEqualTo(InvalidRequestException.Kind.USAGE);
                    assertThat(e).hasMessageContaining("--only embed_tokens");
                });
    }

    @Test
    void aPatternThatBacktracksWithoutEndIsRefusedQuickly() {
        SmallModel model = new SmallModel().random("a".repeat(60) + ".weight", 2, 2, 1);
        Assertions.assertTimeout(
                Duration.ofSeconds(10),
                () -> assertThatThrownBy(() -> names(model, skip("^(a|aa)+(\\1)?\\d$")))
                        .isInstanceOf(InvalidRequestException.class)
                        .hasMessageContaining("takes too long"));
    }

    @Test
    void nothingToCompressIsSaid() {
        assertThatThrownBy(() -> names(new SmallModel().vector("norm.weight", 3), TargetSelection.standard()))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("none of the 1 tensors is left to compress")
                .hasMessageContaining("two-dimensional");
        assertThatThrownBy(() -> names(SmallModel.llama(), skip(".")))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("exclude all 8 matrices");
    }
}
