package dev.lowbit.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.checkpoint.SafetensorsWriter.Entry;
import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The config.json cases. */
@Timeout(value = 10, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ModelConfigTest {
    @TempDir
    Path path;

    private Folder folder;
    private Path file;

    @BeforeEach
    void makeFolder() {
        folder = new Folder(path);
        file = path.resolve("config.json");
    }

    static Stream<Arguments> refused() {
        return Stream.of(
                Arguments.of("C1 empty", "", Reason.BAD_CONFIG),
                Arguments.of("C1 blank", " \n", Reason.BAD_CONFIG),
                Arguments.of("C1 array", "[1,2]", Reason.BAD_CONFIG),
                Arguments.of("C1 string", "\"x\"", Reason.BAD_CONFIG),
                Arguments.of("C1 null", "null", Reason.BAD_CONFIG),
                Arguments.of("C10 INF", "{\"a\":INF}", Reason.BAD_JSON),
                Arguments.of("C10 -INF", "{\"a\":-INF}", Reason.BAD_JSON),
                Arguments.of("C10 +INF", "{\"a\":[+INF]}", Reason.BAD_JSON),
                Arguments.of("C10 +Infinity", "{\"a\":[+Infinity]}", Reason.BAD_JSON),
                Arguments.of("C10 -NaN", "{\"a\":-NaN}", Reason.BAD_JSON),
                Arguments.of("C10 inf", "{\"a\":inf}", Reason.BAD_JSON),
                Arguments.of("C1 depth", "{\"a\":" + "[".repeat(10_000) + "]".repeat(10_000) + "}", Reason.BAD_CONFIG),
                Arguments.of("C1 depth of an array", "[".repeat(10_000), Reason.BAD_CONFIG),
                Arguments.of("C1 truncated", "{\"hidden_size\":", Reason.BAD_JSON),
                Arguments.of("C3 heads", "{\"hidden_size\":100,\"num_attention_heads\":8}", Reason.BAD_CONFIG),
                Arguments.of(
                        "C4 more groups than heads",
                        "{\"hidden_size\":64,\"num_attention_heads\":8,\"num_key_value_heads\":16}",
                        Reason.BAD_CONFIG),
                Arguments.of(
                        "C4 no divisor",
                        "{\"hidden_size\":64,\"num_attention_heads\":8,\"num_key_value_heads\":3}",
                        Reason.BAD_CONFIG),
                Arguments.of("no heads", "{\"num_attention_heads\":0}", Reason.BAD_CONFIG),
                Arguments.of(
                        "hidden size is a string",
                        "{\"num_attention_heads\":8,\"hidden_size\":\"64\"}",
                        Reason.BAD_CONFIG),
                Arguments.of(
                        "hidden size is a fraction",
                        "{\"num_attention_heads\":8,\"hidden_size\":64.0}",
                        Reason.BAD_CONFIG),
                Arguments.of(
                        "hidden size beyond int",
                        "{\"num_attention_heads\":8,\"hidden_size\":4294967296}",
                        Reason.BAD_CONFIG),
                Arguments.of(
                        "hidden size beyond long",
                        "{\"num_attention_heads\":8,\"hidden_size\":18446744073709551680}",
                        Reason.BAD_CONFIG),
                Arguments.of("C10 duplicate", "{\"a\":1,\"a\":1}", Reason.DUPLICATE_KEY),
                Arguments.of("C10 inner duplicate", "{\"a\":{\"b\":1,\"b\":2}}", Reason.DUPLICATE_KEY),
                Arguments.of("C10 comment", "{/* x */\"a\":1}", Reason.BAD_JSON),
                Arguments.of("C10 line comment", "{\"a\":1} // x", Reason.BAD_JSON));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource
    void refused(String name, String json, Reason reason) {
        folder.shard("model.safetensors", "t").text("config.json", json);
        MalformedFileException e = catchThrowableOfType(MalformedFileException.class, folder::open);
        assertThat(e).isNotNull();
        assertThat(e.reason()).isEqualTo(reason);
        assertThat(e.file()).isEqualTo(file);
        assertThat(e.getMessage().lines()).hasSize(1);
    }

    @Test
    void c1AMissingFileIsRefusedOnlyWhereOneIsNeeded() {
        MalformedFileException e =
                catchThrowableOfType(MalformedFileException.class, () -> ModelConfig.read(file, Limits.defaults()));
        assertThat(e.reason()).isEqualTo(Reason.BAD_CONFIG);
        folder.shard("model.safetensors", "t");
        try (Checkpoint checkpoint = folder.open()) {
            assertThat(checkpoint.config()).isEmpty();
        }
    }

    @Test
    void c1AGigabyteIsNotRead() throws IOException {
        try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
            sparse.setLength(1L << 30);
        }
        MalformedFileException e =
                catchThrowableOfType(MalformedFileException.class, () -> ModelConfig.read(file, Limits.defaults()));
        assertThat(e.reason()).isEqualTo(Reason.BAD_CONFIG);
        assertThat(e).hasMessageContaining("at most");
    }

    private ModelConfig config(String json) {
        folder.text("config.json", json);
        return ModelConfig.read(file, Limits.defaults());
    }

    @Test
    void c3AHeadDimExcusesHeadsThatDoNotDivide() {
        ModelConfig config = config("{\"hidden_size\":100,\"num_attention_heads\":8,\"head_dim\":16}");
        assertThat(config.headDim()).hasValue(16);
        assertThat(config.numKeyValueHeads()).hasValue(8);
    }

    @Test
    void c10NonFiniteLiteralsAreRecorded() {
        ModelConfig config = config("{\"a\":NaN,\"b\":Infinity,\"c\":-Infinity,\"d\":null}");
        assertThat(config.raw().get("a")).isEqualTo(Double.NaN);
        assertThat(config.number("b")).hasValue(Double.POSITIVE_INFINITY);
        assertThat(config.number("c")).hasValue(Double.NEGATIVE_INFINITY);
        assertThat(config.number("d")).isEmpty();
    }

    @Test
    void bothNamingsAreUnderstood() {
        ModelConfig llama = config(
                "{\"architectures\":[\"LlamaForCausalLM\"],\"hidden_size\":64,\"num_hidden_layers\":5,"
                        + "\"num_attention_heads\":8,\"num_key_value_heads\":4,\"intermediate_size\":172,\"vocab_size\":512,"
                        + "\"rms_norm_eps\":1e-05,\"rope_theta\":10000,\"tie_word_embeddings\":true,\"dtype\":\"float32\"}");
        assertThat(llama.architectures()).containsExactly("LlamaForCausalLM");
        assertThat(llama.headDim()).hasValue(8);
        assertThat(llama.normEps()).hasValue(1e-5);
        assertThat(llama.ropeTheta()).hasValue(10000);
        assertThat(llama.tieWordEmbeddings()).isTrue();
        assertThat(llama.torchDtype()).hasValue("float32");
        ModelConfig gpt2 =
                config("{\"n_embd\":240,\"n_head\":5,\"n_layer\":6,\"n_positions\":64,\"layer_norm_epsilon\":1e-5}");
        assertThat(gpt2.hiddenSize()).hasValue(240);
        assertThat(gpt2.numAttentionHeads()).hasValue(5);
        assertThat(gpt2.numHiddenLayers()).hasValue(6);
        assertThat(gpt2.maxPositionEmbeddings()).hasValue(64);
        assertThat(gpt2.normEps()).hasValue(1e-5);
        assertThat(gpt2.tieWordEmbeddings()).isFalse();
    }

    @Test
    void contradictionsWithTheTensorsAreWarnings() {
        folder.tensors(
                "model.safetensors",
                List.of(
                        new Entry("lm_head.weight", DType.F32, List.of(7L, 4L)),
                        new Entry("model.embed_tokens.weight", DType.F32, List.of(7L, 4L)),
                        new Entry("model.layers.0.mlp.up_proj.weight", DType.F32, List.of(4L, 4L)),
                        new Entry("model.layers.1.mlp.up_proj.weight", DType.F32, List.of(4L, 4L))));
        folder.text(
                "config.json",
                "{\"vocab_size\":5,\"num_hidden_layers\":1,\"tie_word_embeddings\":true,\"torch_dtype\":\"bfloat16\","
                        + "\"architectures\":[\"Unheard\"],\"auto_map\":{\"AutoModel\":\"x.Y\"}}");
        try (Checkpoint checkpoint = folder.open()) {
            assertThat(checkpoint.warnings())
                    .anyMatch(w -> w.contains("vocab_size is 5") && w.contains("7 rows"))
                    .anyMatch(w -> w.contains("tie_word_embeddings") && w.contains("both are kept"))
                    .anyMatch(w -> w.contains("claims bfloat16") && w.contains("F32"))
                    .anyMatch(w -> w.contains("num_hidden_layers is 1") && w.contains("of 2 layers"))
                    .anyMatch(w -> w.contains("auto_map"))
                    .hasSize(5);
            assertThat(checkpoint.names()).contains("lm_head.weight");
            assertThat(checkpoint.config()).get().returns(List.of("Unheard"), ModelConfig::architectures);
        }
    }
}
