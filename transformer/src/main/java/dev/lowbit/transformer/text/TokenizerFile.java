package dev.lowbit.transformer.text;

import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.error.InvalidRequestException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.json.JsonFactory;

/** A tokenizer.json as text, whole and without its special tokens. */
final class TokenizerFile {
    /** Those of the largest vocabularies in circulation have 35 MB. */
    private static final long MOST_BYTES = 256L << 20;

    private final Path path;
    private final byte[] json;

    private TokenizerFile(Path path, byte[] json) {
        this.path = path;
        this.json = json;
    }

    /**
     * Reads the one of a model folder.
     *
     * @throws InvalidRequestException impossible when there is none
     * @throws MalformedFileException BAD_TOKENIZER when it is too long, BAD_UTF8
     */
    static TokenizerFile read(Path folder) {
        Path path = folder.resolve("tokenizer.json");
        if (!Files.isRegularFile(path)) {
            throw InvalidRequestException.impossible(
                    folder
                            + " has no tokenizer.json, which text needs; give a complete model folder, or token ids instead of text");
        }
        return new TokenizerFile(
                path,
                TextFile.read(
                                path,
                                MOST_BYTES,
                                size -> new MalformedFileException(
                                        path,
                                        -1,
                                        Reason.BAD_TOKENIZER,
                                        "has " + size + " bytes, at most " + MOST_BYTES + " are read"))
                        .getBytes(StandardCharsets.UTF_8));
    }

    Path path() {
        return path;
    }

    String text() {
        return new String(json, StandardCharsets.UTF_8);
    }

    /**
     * The same tokenizer in whose texts the name of a special token is text like any other. The rest of the file stays as it is,
     * byte for byte.
     */
    String textWithoutSpecialTokens() {
        StringBuilder kept = new StringBuilder();
        int from = 0;
        int to = 0;
        try (JsonParser parser = new JsonFactory().createParser(ObjectReadContext.empty(), json)) {
            for (JsonToken token = parser.nextToken(); token != null && to == 0; token = parser.nextToken()) {
                if (token == JsonToken.PROPERTY_NAME) {
                    boolean wanted = parser.currentName().equals("added_tokens");
                    token = parser.nextToken();
                    if (wanted && token == JsonToken.START_ARRAY) {
                        from = offset(parser) + 1;
                        ordinary(parser, kept);
                        to = offset(parser);
                    } else {
                        parser.skipChildren();
                    }
                }
            }
        } catch (JacksonException e) {
            throw bad(e.getOriginalMessage(), e);
        }
        return string(0, from) + kept + string(to, json.length);
    }

    /** Appends the tokens of the array that are not special; the parser stops at the array's end. */
    private void ordinary(JsonParser parser, StringBuilder kept) {
        while (parser.nextToken() == JsonToken.START_OBJECT) {
            int start = offset(parser);
            boolean special = false;
            while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
                boolean flag = parser.currentName().equals("special");
                special |= parser.nextToken() == JsonToken.VALUE_TRUE && flag;
                parser.skipChildren();
            }
            if (!special) {
                kept.append(kept.isEmpty() ? "" : ",").append(string(start, offset(parser) + 1));
            }
        }
    }

    private static int offset(JsonParser parser) {
        return Math.toIntExact(parser.currentTokenLocation().getByteOffset());
    }

    private String string(int from, int to) {
        return new String(json, from, to - from, StandardCharsets.UTF_8);
    }

    /** The file is not a tokenizer that can be used. */
    MalformedFileException bad(String detail, Throwable cause) {
        return new MalformedFileException(
                path, -1, Reason.BAD_TOKENIZER, "is no tokenizer that can be used: " + detail, cause);
    }
}
