package dev.lowbit.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.UnsupportedModelException;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The folder and index cases: which files are the model, and every way in which they are not. */
@Timeout(value = 10, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ModelFolderTest {
    private static final String INDEX = "model.safetensors.index.json";

    @TempDir
    Path path;

    private Folder folder;

    @BeforeEach
    void makeFolder() {
        folder = new Folder(path);
    }

    private MalformedFileException refused() {
        return refused(path);
    }

    private static MalformedFileException refused(Path model) {
        MalformedFileException e = catchThrowableOfType(
                MalformedFileException.class, () -> Checkpoint.open(model).close());
        assertThat(e).as("must be refused").isNotNull();
        assertThat(e.getMessage().lines()).hasSize(1);
        return e;
    }

    @Test
    void anIndexedModelIsReadInOrder() {
        folder.shard("b.safetensors", "x", "y").shard("a.safetensors", "z");
        folder.index("y", "b.safetensors", "x", "b.safetensors", "z", "a.safetensors");
        try (Checkpoint checkpoint = folder.open()) {
            assertThat(checkpoint.names()).containsExactly("x", "y", "z");
            assertThat(checkpoint.files())
                    .containsExactly(path.resolve("a.safetensors"), path.resolve("b.safetensors"));
            assertThat(checkpoint.tensors(path.resolve("b.safetensors")))
                    .extracting(TensorInfo::name)
                    .containsExactly("x", "y");
            assertThat(checkpoint.warnings()).isEmpty();
            assertThatThrownBy(() -> checkpoint.info("q"))
                    .isInstanceOf(InvalidRequestException.class)
                    .hasMessageContaining("\"q\"");
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/etc/passwd",
                "C:\\model.safetensors",
                "c:model.safetensors",
                "\\\\server\\share\\m.safetensors",
                "//server/m.safetensors",
                "..",
                "../m.safetensors",
                "a/../../b.safetensors",
                "a/../b.safetensors",
                "a\0b.safetensors",
                "a.safetensors.",
                "a.safetensors ",
                "",
                ".",
                "./",
                "a/",
                "a\\b.safetensors",
                "a /b.safetensors"
            })
    void i2i3UnsafeShardNamesAreRefused(String shard) {
        folder.shard("a.safetensors", "t").index("t", shard);
        assertThat(refused().reason()).isEqualTo(Reason.UNSAFE_PATH);
    }

    @Test
    void i5AllMissingShardsAreListedAtOnce() {
        folder.shard("a.safetensors", "t").index("t", "a.safetensors", "u", "b.safetensors", "v", "c.safetensors");
        assertThat(refused())
                .returns(Reason.MISSING_SHARD, MalformedFileException::reason)
                .hasMessageContaining("b.safetensors, c.safetensors");
    }

    @Test
    void i5NumberedShardsWithoutIndexMustBeComplete() {
        folder.shard("model-00001-of-00003.safetensors", "t");
        assertThat(refused())
                .returns(Reason.MISSING_SHARD, MalformedFileException::reason)
                .hasMessageContaining("model-00002-of-00003.safetensors, model-00003-of-00003.safetensors");
        folder.shard("model-00002-of-00003.safetensors", "u").shard("model-00003-of-00003.safetensors", "v");
        try (Checkpoint checkpoint = folder.open()) {
            assertThat(checkpoint.names()).containsExactly("t", "u", "v");
        }
        folder.shard("model-00001-of-00001.safetensors", "w");
        assertThat(refused().reason()).isEqualTo(Reason.AMBIGUOUS_INPUT);
    }

    @Test
    void i6ATensorOfTheIndexMustBeInItsShard() {
        folder.shard("a.safetensors", "t").shard("b.safetensors", "u");
        folder.index("t", "a.safetensors", "u", "b.safetensors", "w", "b.safetensors");
        assertThat(refused())
                .returns(Reason.INDEX_MISMATCH, MalformedFileException::reason)
                .hasMessageContaining("\"w\" should be in b.safetensors and is in no shard");
        folder.index("t", "b.safetensors", "u", "a.safetensors");
        assertThat(refused())
                .returns(Reason.INDEX_MISMATCH, MalformedFileException::reason)
                .hasMessageContaining("2 tensors");
    }

    @Test
    void i6ATensorTheIndexForgetsIsReadAndReported() {
        folder.shard("a.safetensors", "t", "u").index("t", "a.safetensors");
        try (Checkpoint checkpoint = folder.open()) {
            assertThat(checkpoint.names()).containsExactly("t", "u");
            assertThat(checkpoint.warnings()).singleElement().asString().contains("\"u\"".replace("\"", ""));
        }
    }

    @Test
    void i8ATensorInTwoShardsIsRefused() {
        folder.shard("a.safetensors", "t").shard("b.safetensors", "u", "t");
        assertThat(refused())
                .returns(Reason.DUPLICATE_NAME, MalformedFileException::reason)
                .hasMessageContaining("a.safetensors");
        folder.index("t", "a.safetensors", "u", "b.safetensors");
        assertThat(refused().reason()).isEqualTo(Reason.DUPLICATE_NAME);
    }

    @Test
    void i9AStaleShardSetIsNotReadButReported() {
        folder.shard("model-00001-of-00002.safetensors", "t").shard("model-00002-of-00002.safetensors", "u");
        folder.shard("model-00001-of-00004.safetensors", "t").shard("model-00002-of-00004.safetensors", "u");
        folder.index("t", "model-00001-of-00002.safetensors", "u", "model-00002-of-00002.safetensors");
        try (Checkpoint checkpoint = folder.open()) {
            assertThat(checkpoint.files()).hasSize(2);
            assertThat(checkpoint.warnings())
                    .singleElement()
                    .asString()
                    .contains("model-00001-of-00004.safetensors, model-00002-of-00004.safetensors");
        }
    }

    @Test
    void aSingleModelLeavesOtherFilesUnread() {
        folder.shard("model.safetensors", "t").shard("golden-forward.safetensors", "t");
        try (Checkpoint checkpoint = folder.open()) {
            assertThat(checkpoint.files()).containsExactly(path.resolve("model.safetensors"));
            assertThat(checkpoint.warnings()).singleElement().asString().contains("golden-forward.safetensors");
        }
    }

    @Test
    void i11AnIndexBesideAnotherModelIsAmbiguousUnlessTold() {
        folder.shard("model.safetensors", "t").shard("a.safetensors", "u").index("u", "a.safetensors");
        assertThat(refused().reason()).isEqualTo(Reason.AMBIGUOUS_INPUT);
        try (Checkpoint told = Checkpoint.open(path.resolve(INDEX))) {
            assertThat(told.names()).containsExactly("u");
            assertThat(told.warnings()).singleElement().asString().contains("model.safetensors");
        }
        try (Checkpoint told = Checkpoint.open(path.resolve("model.safetensors"))) {
            assertThat(told.names()).containsExactly("t");
        }
        folder.index("t", "model.safetensors");
        try (Checkpoint same = folder.open()) {
            assertThat(same.names()).containsExactly("t");
        }
    }

    @Test
    void i12AnIndexThatIsSomethingElseSaysWhat() {
        folder.shard("a.safetensors", "t");
        badIndex("version https://git-lfs.github.com/spec/v1\n".getBytes(StandardCharsets.UTF_8), "Git LFS");
        badIndex("<html></html>".getBytes(StandardCharsets.UTF_8), "web page");
        badIndex(new byte[0], "empty");
        badIndex("{\"weight_map\":{\"t\":".getBytes(StandardCharsets.UTF_8), "not valid JSON");
        badIndex("\ufeff{}".getBytes(StandardCharsets.UTF_8), "byte order mark");
        badIndex("\ufeff{}".getBytes(StandardCharsets.UTF_16LE), "UTF-16");
        badIndex("\ufeff{}".getBytes(StandardCharsets.UTF_16BE), "UTF-16");
        badIndex("{}".getBytes(StandardCharsets.UTF_16LE), "");
        badIndex("[1]".getBytes(StandardCharsets.UTF_8), "object");
        badIndex("{\"weight_map\":[]}".getBytes(StandardCharsets.UTF_8), "weight_map");
        badIndex("{\"weight_map\":{}}".getBytes(StandardCharsets.UTF_8), "weight_map");
        badIndex("{\"weight_map\":{\"t\":1}}".getBytes(StandardCharsets.UTF_8), "no string");
        badIndex(("{\"weight_map\":" + "[".repeat(10_000)).getBytes(StandardCharsets.UTF_8), "nests deeper");
    }

    private void badIndex(byte[] content, String hint) {
        folder.bytes(INDEX, content);
        assertThat(refused())
                .returns(Reason.BAD_INDEX, MalformedFileException::reason)
                .returns(path.resolve(INDEX), MalformedFileException::file)
                .hasMessageContaining(hint);
    }

    @Test
    void i12DuplicateKeysOfTheIndexAreRefused() {
        folder.shard("a.safetensors", "t").index("t", "a.safetensors", "t", "a.safetensors");
        assertThat(refused().reason()).isEqualTo(Reason.DUPLICATE_KEY);
    }

    @Test
    void i14SpellingsOfOneShardAreOneFile() {
        folder.shard("a", "t", "u").shard("A", "v");
        folder.index("t", "a", "u", "./a", "v", "A");
        try (Checkpoint checkpoint = folder.open()) {
            assertThat(checkpoint.files()).containsExactly(path.resolve("A"), path.resolve("a"));
            assertThat(checkpoint.names()).containsExactly("t", "u", "v");
        }
    }

    @Test
    @Timeout(60)
    void i15AMillionEntriesAreRead() throws IOException {
        int count = 1_000_000;
        Path index = path.resolve(INDEX);
        try (BufferedWriter out = Files.newBufferedWriter(index)) {
            out.write("{\"weight_map\":{\"t\":\"a\"");
            for (int i = 1; i < count; i++) {
                out.write(",\"" + i + "\":\"./a\"");
            }
            out.write("}}");
        }
        long start = SmallHeapMain.cpuNanos();
        ShardIndex read = ShardIndex.read(index, Limits.defaults());
        assertThat(SmallHeapMain.cpuNanos() - start).as("nanoseconds").isLessThan(10_000_000_000L);
        assertThat(read.weightMap()).hasSize(count);
        assertThat(read.shards()).containsExactly("a");
    }

    @Test
    void whatAnIndexHoldsBesideIsCheckedAndNotKept() {
        String map = "\"metadata\":{\"total_size\":12},\"weight_map\":{\"t\":\"a\"}";
        folder.text(INDEX, "{\"x\":[" + "{},".repeat(3_000_000) + "{}]," + map + "}");
        ShardIndex read = ShardIndex.read(path.resolve(INDEX), Limits.defaults());
        assertThat(read.weightMap()).containsOnly(Map.entry("t", "a"));
        assertThat(read.totalSize()).isEqualTo(12);
        folder.text(INDEX, "{" + map + ",\"x\":1,\"x\":2}");
        assertThat(refused().reason()).isEqualTo(Reason.DUPLICATE_KEY);
        folder.text(INDEX, "{" + map + ",\"x\":[1,]}");
        assertThat(refused().reason()).isEqualTo(Reason.BAD_INDEX);
        StringBuilder fields = new StringBuilder();
        for (int i = 0; i <= 100_000; i++) {
            fields.append("\"x").append(i).append("\":0,");
        }
        folder.text(INDEX, "{" + fields + map + "}");
        assertThat(refused()).hasMessageContaining("keys in unknown fields");
    }

    @Test
    void i18EveryBadShardIsReportedInOneRun() throws IOException {
        folder.shard("a.safetensors", "t").shard("b.safetensors", "u").shard("c.safetensors", "v");
        Files.write(path.resolve("a.safetensors"), new byte[5], java.nio.file.StandardOpenOption.APPEND);
        byte[] c = Files.readAllBytes(path.resolve("c.safetensors"));
        Files.write(path.resolve("c.safetensors"), java.util.Arrays.copyOf(c, c.length - 3));
        MalformedFileException e = refused();
        assertThat(e.problems())
                .extracting(MalformedFileException::reason)
                .containsExactly(Reason.TRAILING_BYTES, Reason.TRUNCATED);
        assertThat(e).hasMessageContaining("a.safetensors").hasMessageContaining("c.safetensors");
    }

    @Test
    void i20NoWeightsIsExplained() {
        assertThat(refused())
                .returns(Reason.NO_WEIGHTS, MalformedFileException::reason)
                .hasMessageContaining("is empty");
        folder.text("tokenizer.bin", "x").text("config.json", "{}");
        assertThat(refused()).hasMessageContaining("holds no *.safetensors");
        folder.text("pytorch_model.bin", "PK");
        assertThatThrownBy(folder::open)
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("pytorch_model.bin")
                .hasMessageContaining("pickle");
    }

    @Test
    void aPickleIsUnsupportedWhateverItsName() {
        byte[] zip = "PK\3\4\0\0\10\10\0\0\0\0\0\0archive/data.pkl".getBytes(StandardCharsets.ISO_8859_1);
        for (String name : new String[] {"model.bin", "model.pt", "model.safetensors"}) {
            folder.bytes(name, zip);
            assertThatThrownBy(() -> Checkpoint.open(path.resolve(name)))
                    .isInstanceOf(UnsupportedModelException.class)
                    .hasMessageContaining("PyTorch");
        }
        assertThatThrownBy(folder::open).isInstanceOf(UnsupportedModelException.class);
    }

    @Test
    void whatDoesNotExistCannotBeRead() {
        assertThatThrownBy(() -> Checkpoint.open(path.resolve("nowhere")))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("no such file");
    }

    @Test
    void sidecarsTravelAndCodeAndWeightsDoNot() {
        folder.shard("model.safetensors", "t");
        String[] carried = {
            "added_tokens.json",
            "bpe.codes",
            "chat_template.jinja",
            "chat_template.json",
            "config.json",
            "generation_config.json",
            "merges.txt",
            "qwen.tiktoken",
            "sentencepiece.bpe.model",
            "source.spm",
            "special_tokens_map.json",
            "spiece.model",
            "tekken.json",
            "tokenizer.bin",
            "tokenizer.json",
            "tokenizer.model",
            "tokenizer.model.v3",
            "tokenizer_config.json",
            "tokens.txt",
            "vocab.json",
            "vocab.txt"
        };
        for (String name : carried) {
            folder.text(name, "{}");
        }
        for (String name : new String[] {"modeling_x.py", "pytorch_model.bin", "README.md", "optimizer.pt"}) {
            folder.text(name, "{}");
        }
        try (Checkpoint checkpoint = folder.open()) {
            assertThat(checkpoint.sidecars())
                    .extracting(p -> p.getFileName().toString())
                    .containsExactly(carried);
            assertThat(checkpoint.warnings()).anyMatch(w -> w.contains("modeling_x.py") && w.contains("never run"));
        }
    }
}
