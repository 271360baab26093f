package dev.lowbit.transformer.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.error.InvalidRequestException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A tokenizer of a dozen words, and what can be wrong with one and with texts. */
class TokenizerTest {
    private static final String JSON = """
            {"version": "1.0", "truncation": {"max_length": 2, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
             "added_tokens": [
              {"id": 3, "content": "<end>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
               "special": true},
              {"id": 5, "content": "[plain]", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
               "special": false}],
             "pre_tokenizer": {"type": "Whitespace"},
             "model": {"type": "WordLevel", "unk_token": "?",
              "vocab": {"?": 0, "one": 1, "two": 2, "<end>": 3, "end": 4, "[plain]": 5, "é": 6}}}
            """;

    @TempDir
    private Path folder;

    private void write(String name, String text) throws IOException {
        Files.writeString(folder.resolve(name), text);
    }

    private Tokenizer open(String config) throws IOException {
        write("tokenizer.json", JSON.replaceAll("\"truncation\": \\{[^}]*}", "\"truncation\": null"));
        write("config.json", config);
        return Tokenizer.open(folder);
    }

    @Test
    void specialTokensAreTextInATextAndTokensInAPrompt() throws IOException {
        try (Tokenizer tokenizer = open("{}")) {
            assertThat(tokenizer.encodePrompt("one <end> [plain]")).containsExactly(1, 3, 5);
            // < and > are unknown, the word between them is not; a token that is not special stays one
            assertThat(tokenizer.encode("one <end> [plain]")).containsExactly(1, 0, 4, 0, 5);
            assertThat(tokenizer.encode("")).isEmpty();
            assertThat(tokenizer.decode(1, 3, 2)).isEqualTo("one two");
            assertThat(tokenizer.decode()).isEmpty();
            assertThat(tokenizer.decode(77)).isEmpty();
        }
    }

    /** The library numbers added tokens outside the vocabulary in the order of the file; a text is read without the special ones. */
    @Test
    void anAddedTokenKeepsItsIdBehindSpecialOnes() throws IOException {
        String outside =
                "{\"id\": %d, \"content\": \"%s\", \"single_word\": false, \"lstrip\": false, \"rstrip\": false,"
                        + " \"normalized\": false, \"special\": %b}";
        write(
                "tokenizer.json",
                JSON.replaceFirst(
                        "\"added_tokens\": \\[",
                        "\"added_tokens\": [" + outside.formatted(7, "<start>", true) + ","
                                + outside.formatted(8, "<think>", false) + "," + outside.formatted(9, "<call>", true)
                                + "," + outside.formatted(10, "</think>", false) + ","));
        write("config.json", "{}");
        try (Tokenizer tokenizer = Tokenizer.open(folder)) {
            assertThat(tokenizer.encodePrompt("<start> <think> one </think>")).containsExactly(7, 8, 1, 10);
            assertThat(tokenizer.encode("<think> one </think> two")).containsExactly(8, 1, 10, 2);
            assertThat(tokenizer.encode("<end> <call>")).containsExactly(0, 4, 0, 0, 0, 0);
        }
    }

    @Test
    void idsComeBeforeNames() throws IOException {
        write("tokenizer_config.json", "{\"bos_token\": \"one\", \"eos_token\": {\"content\": \"<end>\"}}");
        try (Tokenizer tokenizer = open("{\"bos_token_id\": 2, \"eos_token_id\": [3, 4]}")) {
            assertThat(tokenizer.requireBeginning()).isEqualTo(2);
            assertThat(tokenizer.ends()).containsExactlyInAnyOrder(3, 4);
        }
        try (Tokenizer tokenizer = open("{\"bos_token_id\": null}")) {
            assertThat(tokenizer.requireBeginning()).isEqualTo(1);
            assertThat(tokenizer.ends()).containsExactly(3);
        }
    }

    @Test
    void withoutABeginningItSaysWhatToDo() throws IOException {
        try (Tokenizer tokenizer = open("{}")) {
            assertThat(tokenizer.beginning()).isEmpty();
            assertThat(tokenizer.ends()).isEmpty();
            assertThatThrownBy(tokenizer::requireBeginning)
                    .isInstanceOf(InvalidRequestException.class)
                    .hasMessageContaining("bos_token_id");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"{\"bos_token_id\": -1}", "{\"bos_token_id\": \"one\"}", "{\"eos_token_id\": [1.5]}"})
    void anIdThatIsNone(String config) {
        assertThatThrownBy(() -> open(config))
                .isInstanceOfSatisfying(
                        MalformedFileException.class,
                        e -> assertThat(e.reason()).isEqualTo(Reason.BAD_CONFIG));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "{}", "[1", "null", "{\"added_tokens\": [{\"id\"", "{\"model\": {\"type\": \"BPE\"}}"})
    void noTokenizer(String json) throws IOException {
        write("tokenizer.json", json);
        assertThatThrownBy(() -> Tokenizer.open(folder))
                .isInstanceOfSatisfying(
                        MalformedFileException.class,
                        e -> assertThat(e.reason()).isEqualTo(Reason.BAD_TOKENIZER));
    }

    /** Each of these ends the process when it reaches the library. */
    @ParameterizedTest
    @ValueSource(strings = {"{\"type\": \"Fuse\"", "[1 2]", "1e999", "\"\\ud800\"", "nul", "deep"})
    void grammarInTheDecoder(String decoder) throws IOException {
        String value = decoder.equals("deep") ? "[".repeat(200) + "]".repeat(200) : decoder;
        write("tokenizer.json", JSON.replaceFirst("\\{", "{\"decoder\": " + value.replace("\\", "\\\\") + ","));
        assertThatThrownBy(() -> Tokenizer.open(folder))
                .isInstanceOfSatisfying(
                        MalformedFileException.class,
                        e -> assertThat(e.reason()).isEqualTo(Reason.BAD_TOKENIZER));
    }

    @Test
    void missing() {
        assertThatThrownBy(() -> Tokenizer.open(folder))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("tokenizer.json");
    }

    @Test
    void aTruncationInTheFileIsNotFollowed() throws IOException {
        write("tokenizer.json", JSON);
        try (Tokenizer tokenizer = Tokenizer.open(folder)) {
            assertThat(tokenizer.encode("one two one two one")).hasSize(5);
        }
    }

    @Test
    void halfASurrogatePairIsNoText() throws IOException {
        try (Tokenizer tokenizer = open("{}")) {
            for (String text : List.of("a\ud83d", "\ude00", "\ude00\ud83d")) {
                assertThatThrownBy(() -> tokenizer.encode(text)).isInstanceOf(InvalidRequestException.class);
            }
            assertThat(tokenizer.encode("one \ud83d\ude00")).containsExactly(1, 0);
        }
    }

    @Test
    void closedTwiceAndThenUsed() throws IOException {
        Tokenizer tokenizer = open("{}");
        tokenizer.close();
        tokenizer.close();
        assertThatThrownBy(() -> tokenizer.encode("one")).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> tokenizer.decode(1)).isInstanceOf(IllegalStateException.class);
    }

    /** Seen from this process, as others may be loading theirs. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void theLibrarysFileIsGoneOnceItIsLoaded() throws IOException {
        open("{}").close();
        assertThat(Files.readAllLines(Path.of("/proc/self/maps")))
                .filteredOn(line -> line.contains("lowbit-tokenizers"))
                .isNotEmpty()
                .allMatch(line -> line.endsWith("(deleted)"));
    }

    @Test
    void theFirstByteThatIsNoUtf8IsNamed() throws IOException {
        byte[] text = "one é two".getBytes(StandardCharsets.UTF_8);
        text[5] = 'x';
        Path file = Files.write(folder.resolve("text"), text);
        MalformedFileException e = catchThrowableOfType(MalformedFileException.class, () -> TextFile.read(file));
        assertThat(e.reason()).isEqualTo(Reason.BAD_UTF8);
        assertThat(e.byteOffset()).isEqualTo(4);
        // ends within a character
        Files.write(file, new byte[] {'a', (byte) 0xe2, (byte) 0x80});
        assertThat(catchThrowableOfType(MalformedFileException.class, () -> TextFile.read(file))
                        .byteOffset())
                .isEqualTo(1);
        Files.write(file, new byte[0]);
        assertThatThrownBy(() -> TextFile.read(file))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("is empty");
    }

    @Test
    void aCorpusIsATextOrJsonLines() throws IOException {
        Path lines = folder.resolve("a.jsonl");
        try (Tokenizer tokenizer = open("{}")) {
            write("a.txt", "two one");
            Corpus text = Corpus.read(folder.resolve("a.txt"), tokenizer, 7);
            assertThat(text.documents()).hasSize(1);
            assertThat(text.joined()).containsExactly(2, 1);
            Files.writeString(lines, "{\"text\": \"one two\"}\n{\"text\": \"\"}\n\n{\"input_ids\": [4, 6]}\n");
            Corpus corpus = Corpus.read(lines, tokenizer, 7);
            assertThat(corpus.documents()).hasSize(2);
            assertThat(corpus.tokens()).isEqualTo(4);
            assertThat(corpus.joined()).containsExactly(1, 2, 4, 6);
            assertReason(Reason.BAD_CALIBRATION, () -> Corpus.read(lines, tokenizer, 6));
            Files.writeString(lines, "{\"text\": \"\\ud83d\"}\n");
            assertReason(Reason.BAD_CALIBRATION, () -> Corpus.read(lines, tokenizer, 7));
            assertReason(Reason.BAD_TOKENIZER, () -> Corpus.read(folder.resolve("a.txt"), tokenizer, 2));
            Files.writeString(lines, "{\"text\": \"\"}\n");
            assertThatThrownBy(() -> Corpus.read(lines, tokenizer, 7))
                    .isInstanceOf(InvalidRequestException.class)
                    .hasMessageContaining("no tokens");
        }
    }

    private static void assertReason(Reason reason, org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        MalformedFileException.class,
                        e -> assertThat(e.reason()).isEqualTo(reason));
    }
}
