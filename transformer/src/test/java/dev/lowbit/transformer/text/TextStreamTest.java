package dev.lowbit.transformer.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Text as it comes, beside all ids decoded at once. The tokenizer has a token for each byte, as those of Llama have for what is in no other. */
class TextStreamTest {
    @TempDir
    private Path folder;

    /** Byte b is id b, the letter a is 256. */
    private Tokenizer bytes() throws IOException {
        StringBuilder vocabulary = new StringBuilder();
        for (int b = 0; b < 256; b++) {
            vocabulary.append("\"<0x%02X>\": %d, ".formatted(b, b));
        }
        Files.writeString(folder.resolve("tokenizer.json"), """
                {"version": "1.0", "added_tokens": [],
                 "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]},
                 "model": {"type": "BPE", "byte_fallback": true, "vocab": {%s"a": 256}, "merges": []}}
                """.formatted(vocabulary));
        Files.writeString(folder.resolve("config.json"), "{}");
        return Tokenizer.open(folder);
    }

    private static String stream(Tokenizer tokenizer, int[] before, int[] ids) {
        TextStream stream = new TextStream(tokenizer, before);
        StringBuilder text = new StringBuilder();
        for (int id : ids) {
            text.append(stream.next(id));
        }
        return text.append(stream.end()).toString();
    }

    private static int[] ids(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        int[] ids = new int[bytes.length];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = bytes[i] == 'a' ? 256 : bytes[i] & 0xff;
        }
        return ids;
    }

    /** Of two, three and four bytes, in runs longer than the window, in every phase to it. */
    @Test
    void charactersOfSeveralTokensAreWholeHoweverLongTheTextIs() throws IOException {
        try (Tokenizer tokenizer = bytes()) {
            for (String unit : new String[] {"é", "中", "😀", "é中😀", "a中"}) {
                for (int letters = 0; letters < 5; letters++) {
                    String text = "a".repeat(letters) + unit.repeat(90);
                    assertThat(stream(tokenizer, new int[0], ids(text))).isEqualTo(text);
                    assertThat(stream(tokenizer, ids("中".repeat(30)), ids(text)))
                            .isEqualTo(text);
                }
            }
            Random random = new Random(1);
            String[] some = {"a", "é", "中", "😀"};
            StringBuilder text = new StringBuilder();
            for (int i = 0; i < 500; i++) {
                text.append(some[random.nextInt(some.length)]);
            }
            assertThat(stream(tokenizer, new int[0], ids(text.toString()))).isEqualTo(text.toString());
        }
    }

    /** What is no text is not held back for ever, and text behind it comes as it should. */
    @Test
    void bytesThatAreNoTextEndWithTheNextLetter() throws IOException {
        try (Tokenizer tokenizer = bytes()) {
            int[] ids = new int[100];
            Arrays.fill(ids, 0x80);
            ids[80] = 256;
            String written = stream(tokenizer, new int[0], ids);
            assertThat(written).isEqualTo("\uFFFD".repeat(80) + "a" + "\uFFFD".repeat(19));
        }
    }
}
